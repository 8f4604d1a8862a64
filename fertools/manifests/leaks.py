"""Find people who are in two parts of a split, without using the code that made the split.

`fertools.splits.groups` joins faces into groups before it assigns them. This module joins nothing: it checks each rule
pair by pair in the finished columns, so it does not repeat a mistake made there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.column_codes import Integers, combine, encode, is_equal
from fertools.manifests.schema import ANIMATED

MEMBERSHIP = (
    "face_id",
    "source_id",
    "frame_index",
    "subject_id",
    "subject_origin",
    "parent_id",
    "pair_id",
    "dataset",
    "modality",
    "sequence_id",
)
"""Columns of the manifest that say which faces belong together."""
COLUMNS = (*MEMBERSHIP, "fold", "split")
"""Columns of the manifest that `find_leaks` needs."""


_NO_PART = -1


def find_leaks(faces: pa.Table, *, by_source: bool = False) -> list[str]:
    """Return one sentence per leak, in alphabetical order. An empty list means that no person is in two parts.

    Args:
        faces: rows of a manifest with COLUMNS. Rows with neither fold nor split are ignored.
        by_source: whether a source in two parts is a leak, too.
    """
    rows = _Rows(faces)
    leaks = _separated(rows, "subject_id", "subject") + _separated_children(rows) + _separated_tracks(rows)
    # A drawn character plays several people, so its pictures may be apart from them.
    leaks += _separated(rows, "pair_id", "pair", without=is_equal(faces["modality"], ANIMATED))
    leaks += _separated_sequences(rows)
    if by_source:
        leaks += _separated(rows, "source_id", "source")
    return sorted(leaks)


class _Rows:
    """The rows of a manifest and the part of each.

    Args:
        faces: N rows with COLUMNS.

    Attributes:
        faces: the rows.
        part: N part numbers; -1 for a row without a part.
    """

    def __init__(self, faces: pa.Table) -> None:
        self.faces = faces
        folds, numbers = encode(faces["fold"])
        splits, texts = encode(faces["split"])
        self.part = np.where(folds >= 0, folds, np.where(splits >= 0, splits + len(numbers), _NO_PART))
        self._names = [f"fold {fold}" for fold in numbers.to_pylist()] + [f"split {text}" for text in texts.to_pylist()]

    def name(self, part: int) -> str:
        """Return the name of a part, such as `fold 0`."""
        return self._names[part]

    def listed(self, parts: Iterable[int]) -> str:
        """Return the names of parts in a sentence."""
        return " and ".join(sorted(map(self.name, parts)))


def _torn(codes: Integers, part: Integers) -> npt.NDArray[np.bool_]:
    """Return which codes are in several parts; rows with the code -1 or without a part do not count."""
    known = (codes >= 0) & (part != _NO_PART)
    codes, part = codes[known], part[known]
    part_of = np.full(codes.max(initial=-1) + 1, _NO_PART)
    part_of[codes] = part
    torn = np.zeros(len(part_of), np.bool_)
    torn[codes[part_of[codes] != part]] = True
    return torn


def _parts_of_torn(rows: _Rows, codes: Integers) -> Mapping[int, set[int]]:
    """Return the parts of each code that is in several."""
    torn = np.append(_torn(codes, rows.part), np.zeros(codes.max(initial=-1) + 2, np.bool_))
    members = np.flatnonzero(torn[codes] & (rows.part != _NO_PART))
    found = defaultdict(set)
    for code, part in zip(codes[members].tolist(), rows.part[members].tolist(), strict=True):
        found[code].add(part)
    return found


def _separated(rows: _Rows, column: str, what: str, without: npt.NDArray[np.bool_] | None = None) -> list[str]:
    codes, values = encode(rows.faces[column])
    if without is not None:
        codes[without] = -1
    torn = _parts_of_torn(rows, codes)
    return [f"{what} {values[code].as_py()} is in {rows.listed(parts)}" for code, parts in torn.items()]


def _separated_sequences(rows: _Rows) -> list[str]:
    """Find sequences of pictures in two parts; a name means another sequence in each dataset and modality."""
    columns = [encode(rows.faces[name]) for name in ("dataset", "modality", "sequence_id")]
    sequences = combine(*(codes for codes, _ in columns))
    leaks = []
    for sequence, parts in _parts_of_torn(rows, sequences).items():
        row = int((sequences == sequence).argmax())
        dataset, modality, name = (rows.faces[name][row].as_py() for name in ("dataset", "modality", "sequence_id"))
        leaks.append(f"sequence {name} of {dataset or 'unnamed'} ({modality}) is in {rows.listed(parts)}")
    return leaks


def _separated_children(rows: _Rows) -> list[str]:
    faces = rows.faces.select(["face_id", "parent_id"]).append_column("part", pa.array(rows.part))
    faces = faces.filter(pc.not_equal(faces["part"], _NO_PART))
    children = faces.filter(pc.is_valid(faces["parent_id"]))
    parents = faces.filter(pc.is_in(faces["face_id"], value_set=pc.unique(children["parent_id"])))
    place = pc.index_in(children["parent_id"], value_set=parents["face_id"].combine_chunks())
    parts_of_parents = pc.take(parents["part"], place)
    apart = pc.not_equal(children["part"], parts_of_parents)
    torn = children.append_column("parent_part", parts_of_parents).filter(apart)
    return [
        f"generated face {row['face_id']} is in {rows.name(row['part'])} and its parent in "
        f"{rows.name(row['parent_part'])}"
        for row in torn.to_pylist()
    ]


def _separated_tracks(rows: _Rows) -> list[str]:
    """Find pairs of subjects of one video in two parts that no frame shows together, so they may be one person."""
    video = pa.array(is_equal(rows.faces["subject_origin"], "video"))
    sources, source_ids = encode(pc.if_else(video, rows.faces["source_id"], pa.scalar(None, pa.string())))
    torn = np.append(_torn(sources, rows.part), np.zeros(sources.max(initial=-1) + 2, np.bool_))
    tracked = np.flatnonzero(torn[sources] & (rows.part != _NO_PART))
    if not len(tracked):
        return []
    subjects, names = encode(rows.faces["subject_id"])
    frames = pc.fill_null(rows.faces["frame_index"], -1).to_numpy()[tracked].astype(np.int64)
    source, subject, part = sources[tracked], subjects[tracked], rows.part[tracked]
    # A track is what one subject shows of a video in one part. Tracks are numbered video by video.
    track = combine(source, subject, part)
    _, firsts = np.unique(track, return_index=True)
    from scipy.sparse import coo_array

    shown = coo_array((np.ones(len(track), np.int32), (track, combine(source, frames + 1)))).tocsr()
    met = (shown @ shown.T).tocoo()
    leaks = []
    for pair in _never_met(source[firsts], subject[firsts], part[firsts], met.row, met.col):
        tracks = [
            (names[subject[row]].as_py() if subject[row] >= 0 else None, int(part[row])) for row in firsts[list(pair)]
        ]
        tracks.sort(key=lambda one: str((one[0], rows.name(one[1]))))
        video = source_ids[source[firsts[pair[0]]]].as_py()
        leaks.append(
            f"subjects {tracks[0][0]} and {tracks[1][0]} of source {video} may be one person and are in "
            f"{rows.listed({one[1] for one in tracks})}"
        )
    return leaks


def _never_met(
    source: Integers, subject: Integers, part: Integers, one: Integers, other: Integers
) -> Iterator[tuple[int, int]]:
    """Yield pairs of tracks of one video, two subjects and two parts that share no frame.

    Args:
        source: T video numbers of tracks, in ascending order.
        subject: T subject numbers.
        part: T part numbers.
        one: M tracks that share a frame with another one, both ways round.
        other: M tracks that share it.
    """
    apart = (one < other) & (subject[one] != subject[other]) & (part[one] != part[other])
    one, other = one[apart], other[apart]
    seen = np.bincount(source[one], minlength=source[-1] + 1)
    pairs = _count_pairs(source, source)
    # A subject may be unknown, which is -1.
    pairs -= _count_pairs(combine(source, subject + 1), source) + _count_pairs(combine(source, part), source)
    met = set(zip(one.tolist(), other.tolist(), strict=True))
    # Few videos have such a pair, so that only these are searched pair by pair.
    for video in np.flatnonzero(seen < pairs).tolist():
        tracks = range(*np.searchsorted(source, [video, video + 1]).tolist())
        for first, second in combinations(tracks, 2):
            differ = subject[first] != subject[second] and part[first] != part[second]
            if differ and (first, second) not in met:
                yield first, second


def _count_pairs(classes: Integers, source: Integers) -> Integers:
    """Return the number of pairs of tracks of one class in each video."""
    _, firsts, counts = np.unique(classes, return_index=True, return_counts=True)
    pairs = counts * (counts - 1) // 2
    return np.bincount(source[firsts], pairs, source[-1] + 1).astype(np.int64)
