"""Everything that an audit finds in rows, with what is known of their pixels, their people and their predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fertools.splits.audit.audit_finding import Finding, order_findings
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.coverage_findings import find_coverage
from fertools.splits.audit.duplicate_findings import find_bad_files, find_duplicates
from fertools.splits.audit.identity_findings import Embeddings, find_identities
from fertools.splits.audit.label_errors import Predictions, find_label_errors
from fertools.splits.audit.membership_findings import find_membership
from fertools.splits.audit.near_duplicates import Copies
from fertools.splits.audit.picture_hash import PictureFacts
from fertools.splits.audit.shortcut_findings import find_shortcuts


@dataclass(frozen=True)
class Pixels:
    """What the pixels of the rows show: facts of each picture, and which are copies of one another."""

    facts: PictureFacts
    copies: Copies


@dataclass(frozen=True)
class Evidence:
    """What is known of the rows beyond their columns; each is None if nobody knows it.

    Attributes:
        pixels: what their pixels show.
        embeddings: face embeddings of some rows.
        predictions: predictions of models that were not trained on the faces.
        other: findings about what is beside the rows, such as sources and generators.
    """

    pixels: Pixels | None = None
    embeddings: Embeddings | None = None
    predictions: Predictions | None = None
    other: tuple[Finding, ...] = ()


def find_all(table: AuditTable, evidence: Evidence) -> tuple[Finding, ...]:
    """Return all findings, the worst first."""
    return order_findings(tuple(_find(table, evidence)))


def _find(table: AuditTable, evidence: Evidence) -> Iterator[Finding]:
    yield from find_membership(table)
    yield from find_coverage(table)
    pixels = evidence.pixels
    if pixels is not None:
        yield from find_duplicates(table, pixels.copies)
        yield from find_bad_files(table, pixels.facts)
    if evidence.embeddings is not None:
        yield from find_identities(table, evidence.embeddings)
    if evidence.predictions is not None:
        yield from find_label_errors(table, evidence.predictions)
    yield from evidence.other
    yield from find_shortcuts(table, None if pixels is None else pixels.facts)
