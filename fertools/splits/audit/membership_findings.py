"""Leaks that the columns of a table show: a person, source, track, pair or moment in two parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise

from fertools.splits.audit.audit_finding import Finding, Severity
from fertools.splits.audit.audit_table import AuditTable

ADJACENT_S = 1.0
"""Seconds between two frames of one source that show nearly the same moment."""
ADJACENT_FRAMES = 25
"""The same in frames, where no time is known."""


def find_membership(table: AuditTable) -> Iterator[Finding]:
    """Yield the leaks between the parts of a split that need no pixels."""
    severity: Severity = "leak" if table.by_source else "warning"
    yield from _across(table, table.column("subject"), "subject-across", "people")
    yield from _across(table, _tracks(table), "track-across", "tracks")
    yield from _across(table, table.column("pair"), "pair-across", "moments with several pictures (pairs)")
    yield from _across(table, table.column("source"), "source-across", "sources", severity)
    yield from _parents(table)
    yield from _generators(table)
    yield from _adjacent(table)
    yield from _twice_in_a_frame(table)


def find_links(table: AuditTable) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that connect all that must be in one part, by the columns."""
    keys = [table.column("subject"), _tracks(table), table.column("pair")]
    for column in [*keys, table.column("source")] if table.by_source else keys:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(column):
            if key is not None and first.setdefault(key, row) != row:
                yield first[key], row
    yield from _families(table)
    yield from _neighbours(table)


def _tracks(table: AuditTable) -> list[Hashable]:
    return [
        None if track is None or source is None else (source, track)
        for source, track in zip(table.column("source"), table.column("track"), strict=True)
    ]


def _across(
    table: AuditTable, keys: Sequence[Hashable], kind: str, words: str, severity: Severity = "leak"
) -> Iterator[Finding]:
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row, (key, part) in enumerate(zip(keys, table.parts, strict=True)):
        if key is not None and part is not None:
            members[key].append(row)
    yield from finding(
        kind, severity, f"{words} in two or more parts", [rows for rows in members.values() if spans(table, rows)]
    )


def spans(table: AuditTable, rows: Sequence[int]) -> bool:
    """Return whether rows are in two or more parts; rows without a part do not count."""
    return len({table.parts[row] for row in rows} - {None}) > 1


def finding(kind: str, severity: Severity, words: str, groups: Sequence[Sequence[int]]) -> Iterator[Finding]:
    """Yield a finding with the number of its cases, if there are any."""
    if groups:
        yield Finding(kind, severity, f"{words}: {len(groups):,}", tuple(map(tuple, groups)))


def _parents(table: AuditTable) -> Iterator[Finding]:
    pairs = [pair for pair in _families(table) if spans(table, pair)]
    yield from finding("parent-across", "leak", "generated faces apart from the real face they were made from", pairs)


def _families(table: AuditTable) -> Iterator[tuple[int, int]]:
    """Yield each real face with each face that was generated from it."""
    parents = table.column("parent")
    if all(parent is None for parent in parents):
        return
    row_of = {name: row for row, name in enumerate(table.names)}
    for row, parent in enumerate(parents):
        if parent in row_of:
            yield row_of[parent], row


def _generators(table: AuditTable) -> Iterator[Finding]:
    """Find generated faces that train a model which is tested on people whom their generator has learned from."""
    folds = {part for part in table.parts if part is not None and part.startswith("fold ")}
    rows = [
        (row,)
        for row, (unseen, part) in enumerate(zip(table.generator_folds, table.parts, strict=True))
        if unseen is not None and part is not None and folds - {part} - {f"fold {fold}" for fold in unseen}
    ]
    yield from finding("generator-saw-test", "leak", "generated faces whose generator was trained on test folds", rows)


def _adjacent(table: AuditTable) -> Iterator[Finding]:
    groups = [pair for pair in _neighbours(table) if spans(table, pair)]
    yield from finding("time-adjacent", "leak", "neighbouring frames of one source in two parts", groups)


def _neighbours(table: AuditTable) -> Iterator[tuple[int, int]]:
    """Yield consecutive frames of one source, unless they show two known people."""
    subjects, times, frames = table.column("subject"), table.column("time_s"), table.column("frame")
    by_source: dict[tuple[Hashable, bool], list[tuple[float, int]]] = defaultdict(list)
    for row, source in enumerate(table.column("source")):
        place = times[row] if times[row] is not None else frames[row]
        if source is not None and place is not None and table.parts[row] is not None:
            by_source[source, times[row] is not None].append((place, row))
    for (_, timed), places in by_source.items():
        places.sort()
        for (first, one), (second, other) in pairwise(places):
            near = second - first <= (ADJACENT_S if timed else ADJACENT_FRAMES)
            known = None not in (subjects[one], subjects[other]) and subjects[one] != subjects[other]
            if near and not known:
                yield one, other


def _twice_in_a_frame(table: AuditTable) -> Iterator[Finding]:
    """Find two faces of one frame with one subject: no person is in a frame twice."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    columns = zip(table.column("source"), table.column("frame"), table.column("subject"), strict=True)
    for row, key in enumerate(columns):
        if None not in key and table.column("parent")[row] is None:
            members[key].append(row)
    groups = [rows for rows in members.values() if len(rows) > 1]
    yield from finding("two-people-one-subject", "error", "subjects with two faces in one frame", groups)
