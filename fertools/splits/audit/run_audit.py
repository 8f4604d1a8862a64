"""Audit rows: search for everything that makes the test of a split too easy, or its data wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fertools.core.notebook import html_table
from fertools.core.spreading import Spread
from fertools.splits.audit.all_findings import Evidence, Pixels, find_all
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable, count_parts
from fertools.splits.audit.coded_column import Integers, combine
from fertools.splits.audit.leakage import Leakage, measure_leakage
from fertools.splits.audit.near_duplicates import find_copies
from fertools.splits.audit.picture_hash import PictureFacts, describe_pictures
from fertools.splits.audit.split_fix import SplitFix, propose_fix


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        rows: the audited rows.
        parts: number of rows of each part.
        findings: what was found, the worst first.
        leakage: similarity across the parts; None without pixels and embeddings, or with fewer than two parts.
        fix: the fewest moves between parts that end the leaks; None if it was not requested.
        unchecked: what was not searched for, with what is missing for it.
    """

    rows: AuditTable
    parts: Mapping[str, int]
    findings: tuple[Finding, ...]
    leakage: Leakage | None
    fix: SplitFix | None = None
    unchecked: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make a test too easy."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    def _repr_html_(self) -> str:
        rows = ((finding.severity, finding.kind, finding.message) for finding in self.findings)
        return html_table(f"{len(self.rows):,} rows audited", ("severity", "kind", "finding"), rows)


def audit_rows(
    table: AuditTable,
    evidence: Evidence | None = None,
    *,
    pixels: bool = True,
    facts: PictureFacts | None = None,
    fix: bool = False,
    unchecked: tuple[str, ...] = (),
    spread: Spread | None = None,
) -> AuditReport:
    """Audit rows that are in memory.

    Args:
        table: the rows.
        evidence: what else is known of them; its pixels are read here.
        pixels: whether to compare the pictures of the rows.
        facts: facts of their pictures, if they are known already.
        fix: also propose the fewest moves between parts that end the leaks.
        unchecked: what the report names as not searched for.
        spread: how to spread the comparison of pictures over machines; None compares here.
    """
    evidence = evidence or Evidence()
    paths = table.paths() if pixels else []
    if any(path is not None for path in paths):
        facts = facts or describe_pictures(paths)
        evidence = replace(evidence, pixels=Pixels(facts, find_copies(facts, paths, _groups(table), spread)))
    return AuditReport(
        table,
        count_parts(table),
        find_all(table, evidence),
        _leakage(table, evidence),
        propose_fix(table, evidence) if fix else None,
        unchecked,
    )


def _leakage(table: AuditTable, evidence: Evidence) -> Leakage | None:
    if evidence.embeddings is not None:
        return measure_leakage(evidence.embeddings.vectors, table.parts.codes[evidence.embeddings.rows])
    if evidence.pixels is None:
        return None
    usable = np.flatnonzero(evidence.pixels.facts.usable)
    return measure_leakage(evidence.pixels.facts.hashes[usable], table.parts.codes[usable])


def _groups(table: AuditTable) -> Integers:
    """Return a number per source and part: copies within one are frames of a video that look alike."""
    known = combine(table.column("source"), table.parts.codes + 1).astype(np.int64)
    return np.where(known >= 0, known, known.max(initial=-1) + 1 + np.arange(len(known)))
