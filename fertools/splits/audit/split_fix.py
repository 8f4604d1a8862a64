"""The fewest moves between the parts of a split that end its leaks.

Rows that must be in one part form groups: people, tracks, pairs, neighbouring frames, copies, and generated faces with
the face that they were made from. A group with rows in several parts goes to the part that has most of them. No smaller
number of moves ends its leaks.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import CheckFailed, InputError, ResumeRefused
from fertools.core.parquet_table import read_table
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.change import changing
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from fertools.splits.audit.all_findings import Evidence, find_all
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable, count_parts
from fertools.splits.audit.cases import Cases
from fertools.splits.audit.coded_column import Coded, Codes
from fertools.splits.audit.membership_findings import find_links, find_torn
from fertools.splits.split_record import SECTION

if TYPE_CHECKING:
    from fertools.splits.audit.run_audit import AuditReport


@dataclass(frozen=True)
class Move:
    """A row that goes from one part to another.

    Attributes:
        row: number of the row.
        before: its part.
        after: its part after the move.
    """

    row: int
    before: str
    after: str


@dataclass(frozen=True)
class SplitFix:
    """The fewest moves that end the leaks.

    Attributes:
        moves: the moves, by row.
        parts: number of rows of each part after them.
        remaining: leaks that no move ends, such as generated faces whose generator saw the test part.
    """

    moves: tuple[Move, ...]
    parts: dict[str, int]
    remaining: tuple[Finding, ...]


def propose_fix(table: AuditTable, evidence: Evidence) -> SplitFix:
    """Return the fewest moves that end the leaks of a table. Nothing is changed.

    Args:
        table: the rows.
        evidence: what else is known of them; without pixels, copies may stay in two parts.
    """
    after = _targets(table, evidence)
    rows = np.flatnonzero(after != table.parts.codes)
    names = [str(name) for name in table.parts.values.to_pylist()]
    pairs = zip(rows.tolist(), table.parts.codes[rows].tolist(), after[rows].tolist(), strict=True)
    moves = tuple(Move(row, names[before], names[target]) for row, before, target in pairs)
    fixed = replace(table, parts=Coded(after, table.parts.values))
    leaks = tuple(finding for finding in find_all(fixed, evidence) if finding.severity == "leak")
    return SplitFix(moves, count_parts(fixed), leaks)


def _targets(table: AuditTable, evidence: Evidence) -> Codes:
    """Return the part of each row after the moves: that of most rows of its group."""
    links = find_links(table)
    if evidence.pixels is not None:
        links = np.concatenate([links, evidence.pixels.copies.pairs])
    graph = coo_matrix((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), (len(table), len(table)))
    groups = connected_components(graph, directed=False)[1].astype(np.int32)
    after = table.parts.codes.copy()
    order = {code: place for place, code in enumerate(np.argsort(table.parts.values.to_pylist()).tolist())}
    torn = find_torn(groups, table.parts.codes)
    for rows in Cases.by(groups[torn], torn):
        counts = Counter(table.parts.codes[list(rows)].tolist())
        after[list(rows)] = min(counts, key=lambda part: (-counts[part], order[part]))
    return after


def apply_fix(report: AuditReport, output: Path | str | None = None) -> int:
    """Make the proposed moves, and return their number.

    The moves of a manifest are written into it. Of a table, a copy with the moves is written as CSV.

    Args:
        report: an audit with a fix.
        output: for a table, the CSV file to write.

    Raises:
        InputError: the report has no fix, or there is no `output` for a table, or it is the table itself.
        ResumeRefused: the manifest or the table has changed since the audit.
        CheckFailed: the moves would put people of the manifest into two parts.
    """
    if report.fix is None:
        raise InputError(f"the audit proposed no moves; run it with {argument('fix')}")
    origin = report.rows.origin
    if isinstance(origin, Workspace):
        if output is not None:
            raise InputError(f"the moves of a manifest are written into it; leave out {argument('output')}")
        if report.fix.moves:
            _move_faces(origin, report.rows, report.fix)
    else:
        if output is None:
            raise InputError(f"{argument('output')} is missing; name the CSV file for the table with the moves")
        _write_moved(origin, report.rows, report.fix, Path(output))
    return len(report.fix.moves)


def _move_faces(workspace: Workspace, rows: AuditTable, fix: SplitFix) -> None:
    after = {rows.name(move.row): (move.before, move.after) for move in fix.moves}
    with changing(workspace, "the moves of an audit") as faces:
        folds, splits, kept = faces["fold"].to_pylist(), faces["split"].to_pylist(), faces["status"].to_pylist()
        for row, name in enumerate(faces["face_id"].to_pylist()):
            if kept[row] != "kept" or name not in after:
                continue
            before, part = after.pop(name)
            if (f"fold {folds[row]}" if folds[row] is not None else splits[row]) != before:
                raise ResumeRefused(f"{name} is no longer in {before}; audit again")
            if folds[row] is not None:
                folds[row] = int(part.removeprefix("fold "))
            else:
                splits[row] = part
        if after:
            raise ResumeRefused(f"the face {min(after)} is no longer in {workspace.manifest}; audit again")
        moved = store.replace_columns(faces, {"fold": folds, "split": splits})
        chosen = moved.filter(np.array([status == "kept" for status in kept]))
        if leaks := find_leaks(chosen, by_source=rows.by_source):
            raise CheckFailed(f"after the moves there would be {len(leaks)} leaks, the first: {leaks[0]}; split again")
        record = workspace.settings().get(SECTION)
        if record is not None:
            record["assignment"] = store.fingerprint(chosen, ("face_id", "fold", "split"))
            workspace.save_settings(SECTION, record)
        store.write_table(workspace.manifest, FACES, moved)


def _write_moved(path: Path, rows: AuditTable, fix: SplitFix, output: Path) -> None:
    if output.resolve() == path.resolve():
        raise InputError(f"{argument('output')} is the table itself; name another file")
    table = read_table(path)
    parts = table.columns[rows.split_column]
    if len(parts) != len(rows) or [part or None for part in parts] != [rows.parts[row] for row in range(len(rows))]:
        raise ResumeRefused(f"{path.name} has changed since the audit; audit again")
    for move in fix.moves:
        parts[move.row] = move.after
    with files.replacing(output) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(zip(*table.columns.values(), strict=True))
