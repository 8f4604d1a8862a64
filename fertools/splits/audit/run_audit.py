"""Audit a split: search for everything that makes its test too easy, or its data wrong."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import html_table
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.splits.audit.audit_finding import Finding, order_findings
from fertools.splits.audit.audit_table import AuditTable, from_table, from_workspace
from fertools.splits.audit.duplicate_findings import find_bad_files, find_duplicates
from fertools.splits.audit.leakage import Leakage, measure_leakage
from fertools.splits.audit.membership_findings import find_membership
from fertools.splits.audit.near_duplicates import find_copies
from fertools.splits.audit.picture_hash import describe_pictures
from fertools.splits.audit.shortcut_findings import find_shortcuts


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        names: name of each row: its `face_id`, or its path in the audited table.
        parts: number of rows of each part.
        findings: what was found, the worst first.
        leakage: similarity across the parts; None without pixels, or with fewer than two parts.
    """

    names: tuple[str, ...]
    parts: Mapping[str, int]
    findings: tuple[Finding, ...]
    leakage: Leakage | None

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make a test too easy."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    def _repr_html_(self) -> str:
        rows = ((finding.severity, finding.kind, finding.message) for finding in self.findings)
        return html_table(f"{len(self.names):,} rows audited", ("severity", "kind", "finding"), rows)


def audit(
    workspace: WorkspaceLike = ".",
    *,
    table: Path | str | None = None,
    split_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    pixels: bool = True,
) -> AuditReport:
    """Search a split for leaks, duplicates, label conflicts, short cuts and bad files. Nothing is changed.

    Args:
        workspace: the workspace whose kept faces are audited, unless `table` is given.
        table: a CSV or Parquet table of another program to audit instead, with a row per picture.
        split_column: column of `table` with the part of each row.
        columns: columns of `table` by their meaning, such as `{"path": "file", "emotion": "label"}`.
        pixels: also read every picture, for copies, short cuts and bad files.

    Raises:
        InputError: there is no manifest or table, or a column is missing.
    """
    if table is None:
        if split_column is not None or columns:
            raise InputError(f"{argument('split_column')} and {argument('columns')} need {argument('table')}; give it")
        rows = from_workspace(Workspace(workspace))
    elif split_column is None:
        raise InputError(f"{argument('split_column')} is missing; name the column with the part of each row")
    else:
        rows = from_table(Path(table), split_column, columns)
    return audit_rows(rows, pixels=pixels)


def audit_rows(table: AuditTable, *, pixels: bool = True) -> AuditReport:
    """Audit rows that are in memory; see `audit`."""
    findings, leakage = [*find_membership(table), *_coverage(table)], None
    if pixels and any(path is not None for path in table.paths):
        facts = describe_pictures(table.paths)
        findings += find_duplicates(table, find_copies(facts, table.paths, _groups(table)))
        findings += [*find_bad_files(table, facts), *find_shortcuts(table, facts)]
        known = [row for row, part in enumerate(table.parts) if part is not None and facts.usable[row]]
        leakage = measure_leakage(facts.hashes[known], [str(table.parts[row]) for row in known])
    present = [part for part in table.parts if part is not None]
    parts = {part: present.count(part) for part in sorted(set(present))}
    return AuditReport(tuple(table.names), parts, order_findings(findings), leakage)


def _groups(table: AuditTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number per source and part: copies within one are frames of a video that look alike."""
    numbers: dict[Hashable, int] = {}
    keys = (
        ("row", row) if source is None else (source, table.parts[row])
        for row, source in enumerate(table.column("source"))
    )
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


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
