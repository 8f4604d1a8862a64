"""Audit a split: search for everything that makes its test too easy, or its data wrong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import html_table
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.splits.audit.all_findings import Pixels, find_all
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable, count_parts, from_table, from_workspace
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
        leakage: similarity across the parts; None without pixels, or with fewer than two parts.
        fix: the fewest moves between parts that end the leaks; None if it was not requested.
    """

    rows: AuditTable
    parts: Mapping[str, int]
    findings: tuple[Finding, ...]
    leakage: Leakage | None
    fix: SplitFix | None = None

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that make a test too easy."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    def _repr_html_(self) -> str:
        rows = ((finding.severity, finding.kind, finding.message) for finding in self.findings)
        return html_table(f"{len(self.rows):,} rows audited", ("severity", "kind", "finding"), rows)


def audit(
    workspace: WorkspaceLike = ".",
    *,
    table: Path | str | None = None,
    split_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    pixels: bool = True,
    fix: bool = False,
) -> AuditReport:
    """Search a split for leaks, duplicates, label conflicts, short cuts and bad files. Nothing is changed.

    Args:
        workspace: the workspace whose kept faces are audited, unless `table` is given.
        table: a CSV or Parquet table of another program to audit instead, with a row per picture.
        split_column: column of `table` with the part of each row.
        columns: columns of `table` by their meaning, such as `{"path": "file", "emotion": "label"}`.
        pixels: also read every picture, for copies, short cuts and bad files.
        fix: also propose the fewest moves between parts that end the leaks.

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
    return audit_rows(rows, pixels=pixels, fix=fix)


def audit_rows(table: AuditTable, *, pixels: bool = True, fix: bool = False) -> AuditReport:
    """Audit rows that are in memory; see `audit`."""
    evidence = None
    if pixels and any(path is not None for path in table.paths):
        facts = describe_pictures(table.paths)
        evidence = Pixels(facts, find_copies(facts, table.paths, _groups(table)))
    return AuditReport(
        table,
        count_parts(table),
        find_all(table, evidence),
        None if evidence is None else _leakage(table, evidence.facts),
        propose_fix(table, evidence) if fix else None,
    )


def _leakage(table: AuditTable, facts: PictureFacts) -> Leakage | None:
    known = [row for row, part in enumerate(table.parts) if part is not None and facts.usable[row]]
    return measure_leakage(facts.hashes[known], [str(table.parts[row]) for row in known])


def _groups(table: AuditTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number per source and part: copies within one are frames of a video that look alike."""
    numbers: dict[Hashable, int] = {}
    keys = (
        ("row", row) if source is None else (source, table.parts[row])
        for row, source in enumerate(table.column("source"))
    )
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
