"""Leaks that the columns of a table show: a person, source, track, pair or moment in two parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from fertools.splits.audit.audit_finding import Finding, Severity, count_cases
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.cases import Cases
from fertools.splits.audit.coded_column import Bools, Codes, Integers, combine, count_codes

ADJACENT_S = 1.0
"""Seconds between two frames of one source that show nearly the same moment."""
ADJACENT_FRAMES = 25
"""The same in frames, where no time is known."""


@dataclass(frozen=True)
class _Key:
    """What rows of one part share: a code for each row, -1 for none."""

    kind: str
    words: str
    codes: Codes
    severity: Severity = "leak"


def find_membership(table: AuditTable) -> Iterator[Finding]:
    """Yield the leaks between the parts of a split that need no pixels."""
    torn = _in_torn_source(table)
    for key in _keys(table, torn):
        rows = find_torn(key.codes, table.parts.codes)
        yield from count_cases(key.kind, key.severity, key.words, Cases.by(key.codes[rows], rows))
    families = _families(table)
    words = "generated faces apart from the real face they were made from"
    yield from count_cases("parent-across", "leak", words, Cases.each(families[spans(table, families)]))
    yield from _generators(table)
    near = _neighbours(table, torn)
    words = "neighbouring frames of one source in two parts"
    yield from count_cases("time-adjacent", "leak", words, Cases.each(near[spans(table, near)]))
    yield from _unseen_together(table, torn)
    yield from _twice_in_a_frame(table)


def find_links(table: AuditTable) -> Integers:
    """Return (L, 2) pairs of rows that connect all that must be in one part, by the columns."""
    links = [_families(table), _neighbours(table, table.column("source").known)]
    links.append(_possible_people(table, table.column("tracked").known))
    for key in _keys(table, table.column("source").known):
        if key.severity == "leak":
            rows = np.flatnonzero(key.codes >= 0)
            _, first, place = np.unique(key.codes[rows], return_index=True, return_inverse=True)
            pairs = np.stack([rows[first][place.reshape(-1)], rows], axis=1)
            links.append(pairs[pairs[:, 0] != pairs[:, 1]])
    return np.concatenate(links)


def spans(table: AuditTable, pairs: Integers) -> Bools:
    """Return (P,) whether the rows of (P, 2) pairs are in two parts; rows without a part do not count."""
    one, other = table.parts.codes[pairs].T
    return np.asarray((one >= 0) & (other >= 0) & (one != other), np.bool_)


def _keys(table: AuditTable, torn: Bools) -> Iterator[_Key]:
    """Yield what a split keeps together; of tracks only those in some rows."""
    source = table.column("source")
    yield _Key("subject-across", "people in two or more parts", table.column("subject").codes)
    tracks = combine(source, table.column("track"), torn)
    yield _Key("track-across", "tracks in two or more parts", tracks)
    yield _Key("pair-across", "moments with several pictures (pairs) in two or more parts", table.column("pair").codes)
    yield _Key("sequence-across", "sequences of pictures in two or more parts", table.column("sequence").codes)
    severity: Severity = "leak" if table.by_source else "warning"
    yield _Key("source-across", "sources in two or more parts", source.codes, severity)


def find_torn(codes: Codes, parts: Codes) -> Integers:
    """Return the numbers of the rows whose code is in two or more parts; a row without a part does not count."""
    rows = np.flatnonzero((codes >= 0) & (parts >= 0))
    some_part = np.full(count_codes(codes), -1, np.int32)
    some_part[codes[rows]] = parts[rows]
    torn = np.zeros(len(some_part), np.bool_)
    torn[codes[rows[parts[rows] != some_part[codes[rows]]]]] = True
    return rows[torn[codes[rows]]]


def _in_torn_source(table: AuditTable) -> Bools:
    """Return (N,) whether the source of a row is in two or more parts."""
    found = np.zeros(len(table), np.bool_)
    found[find_torn(table.column("source").codes, table.parts.codes)] = True
    return found


def _families(table: AuditTable) -> Integers:
    """Return (F, 2): each real face with each face that was generated from it."""
    parent = table.column("parent")
    if not parent.known.any():
        return np.empty((0, 2), np.int64)
    # Names are looked up among parents, since there are fewer of these.
    place = pc.index_in(table.names, value_set=parent.values)
    row_of = np.full(len(parent.values), -1, np.int64)
    named = np.flatnonzero(pc.is_valid(place).to_numpy(zero_copy_only=False))
    # Of two rows with one name, the first is the parent.
    row_of[place.drop_null().to_numpy()[::-1]] = named[::-1]
    rows = np.flatnonzero(parent.known)
    pairs = np.stack([row_of[parent.codes[rows]], rows], axis=1)
    return pairs[pairs[:, 0] >= 0]


def _generators(table: AuditTable) -> Iterator[Finding]:
    """Find generated faces that train a model which is tested on people whom their generator has learned from."""
    parts = [str(part) for part in table.parts.values.to_pylist()]
    folds = {part for part in parts if part.startswith("fold ")}
    unseen = [{f"fold {fold}" for fold in text.split(",")} for text in table.unseen_folds.values.to_pylist()]
    leaks = np.array([[bool(folds - {part} - own) for part in parts] for own in unseen], np.bool_)
    rows = np.flatnonzero(table.unseen_folds.known & table.parts.known)
    rows = rows[leaks[table.unseen_folds.codes[rows], table.parts.codes[rows]]] if len(rows) else rows
    words = "generated faces whose generator was trained on test folds"
    yield from count_cases("generator-saw-test", "leak", words, Cases.each(rows))


def _neighbours(table: AuditTable, chosen: Bools) -> Integers:
    """Return (P, 2) consecutive frames of one source, unless they show two known people."""
    source, subject = table.column("source").codes, table.column("subject").codes
    times, frames = table.number("time_s"), table.number("frame")
    timed = np.isfinite(times)
    places = np.where(timed, times, frames)
    rows = np.flatnonzero(chosen & (source >= 0) & np.isfinite(places) & (table.parts.codes >= 0))
    rows = rows[np.lexsort((places[rows], timed[rows], source[rows]))]
    one, other = rows[:-1], rows[1:]
    near = (source[one] == source[other]) & (timed[one] == timed[other])
    near &= places[other] - places[one] <= np.where(timed[one], ADJACENT_S, ADJACENT_FRAMES)
    near &= (subject[one] < 0) | (subject[other] < 0) | (subject[one] == subject[other])
    return np.stack([one[near], other[near]], axis=1)


def _unseen_together(table: AuditTable, torn: Bools) -> Iterator[Finding]:
    """Find tracks of one video in two parts that no frame shows together: a tracker can lose a face."""
    pairs = _possible_people(table, torn & table.column("tracked").known)
    words = "tracks of one video in two parts that may show one person"
    yield from count_cases("maybe-one-person-across", "leak", words, Cases.each(pairs[spans(table, pairs)]))


def _possible_people(table: AuditTable, chosen: Bools) -> Integers:
    """Return (P, 2): a row of each of two tracks of one video that are never in one frame."""
    source, subject = table.column("source").codes, table.column("tracked").codes
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return np.empty((0, 2), np.int64)
    together = _in_one_moment(combine(source, _frames(table), chosen), subject)
    _, first = np.unique(np.stack([source[rows], subject[rows]]), axis=1, return_index=True)
    tracks: dict[int, list[int]] = defaultdict(list)
    for row in rows[first].tolist():
        tracks[int(source[row])].append(row)
    pairs = [
        (one, other)
        for members in tracks.values()
        for place, one in enumerate(members)
        for other in members[place + 1 :]
        if frozenset((int(subject[one]), int(subject[other]))) not in together
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _frames(table: AuditTable) -> Codes:
    """Return (N,) frame numbers, -1 where unknown."""
    frames = table.number("frame")
    return np.where(np.isfinite(frames), frames, -1).astype(np.int32)


def _in_one_moment(moments: Codes, subject: Codes) -> set[frozenset[int]]:
    """Return the pairs of subjects that occur in one frame."""
    rows = np.flatnonzero(moments >= 0)
    rows = rows[np.argsort(moments[rows], kind="stable")]
    found: set[frozenset[int]] = set()
    for step in range(1, len(rows)):
        same = moments[rows[:-step]] == moments[rows[step:]]
        if not same.any():
            break
        pairs = np.stack([subject[rows[:-step][same]], subject[rows[step:][same]]])
        found |= {frozenset(pair) for pair in np.unique(pairs, axis=1).T.tolist()}
    return found


def _twice_in_a_frame(table: AuditTable) -> Iterator[Finding]:
    """Find two faces of one frame with one subject: no person is in a frame twice."""
    moments = combine(table.column("source"), _frames(table), ~table.column("parent").known)
    codes = combine(moments, table.column("subject"))
    rows = np.flatnonzero(codes >= 0)
    rows = rows[np.bincount(codes[rows], minlength=1)[codes[rows]] > 1]
    words = "subjects with two faces in one frame"
    yield from count_cases("two-people-one-subject", "error", words, Cases.by(codes[rows], rows))
