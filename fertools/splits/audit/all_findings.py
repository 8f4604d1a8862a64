"""Everything that an audit finds in rows, with what their pixels show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fertools.splits.audit.audit_finding import Finding, order_findings
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.duplicate_findings import find_bad_files, find_duplicates
from fertools.splits.audit.membership_findings import find_membership
from fertools.splits.audit.near_duplicates import Copies
from fertools.splits.audit.picture_hash import PictureFacts
from fertools.splits.audit.shortcut_findings import find_shortcuts


@dataclass(frozen=True)
class Pixels:
    """What the pixels of the rows show: facts of each picture, and which are copies of one another."""

    facts: PictureFacts
    copies: Copies


def find_all(table: AuditTable, pixels: Pixels | None) -> tuple[Finding, ...]:
    """Return all findings, the worst first; without pixels, those that need none."""
    findings = [*find_membership(table), *_coverage(table)]
    if pixels is not None:
        findings += find_duplicates(table, pixels.copies)
        findings += [*find_bad_files(table, pixels.facts), *find_shortcuts(table, pixels.facts)]
    return order_findings(findings)


def _coverage(table: AuditTable) -> Iterator[Finding]:
    """Yield the labels and the quadrants of valence and arousal that a part lacks."""
    quadrants = [
        None if valence is None or arousal is None else f"{_sign(valence)} valence and {_sign(arousal)} arousal"
        for valence, arousal in zip(table.column("valence"), table.column("arousal"), strict=True)
    ]
    for values in (table.column("emotion"), quadrants):
        seen = {(part, value) for part, value in zip(table.parts, values, strict=True)}
        for value in sorted({value for value in values if value is not None}):
            lacking = sorted({part for part in table.parts if part is not None and (part, value) not in seen})
            if lacking:
                yield Finding("coverage", "warning", f"no face of {value} is in {', '.join(lacking)}")


def _sign(value: float) -> str:
    return "negative" if value < 0 else "positive"
