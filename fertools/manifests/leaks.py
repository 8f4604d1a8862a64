"""Finding people on both sides of a split, from the finished columns and by no code that made the split.

`fertools.splits.groups` joins first and assigns after; here nothing is joined. Each rule is looked up pair by
pair in what was written, so that a mistake there is not repeated here.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import pyarrow as pa

COLUMNS = ("face_id", "source_id", "frame_index", "subject_id", "subject_origin", "parent_id", "fold", "split")
"""Columns of the manifest that the search needs."""


def find_leaks(faces: pa.Table, *, by_source: bool = False) -> list[str]:
    """Return one sentence per leak, in alphabetical order; none means that no person is on two sides.

    Args:
        faces: rows of a manifest with COLUMNS. Rows with neither fold nor split take no part.
        by_source: whether a source on two sides is a leak too.
    """
    rows = [row for row in faces.select(list(COLUMNS)).to_pylist() if _side(row) is not None]
    leaks = _parted(rows, "subject_id", "subject") + _parted_children(rows) + _parted_tracks(rows)
    if by_source:
        leaks += _parted(rows, "source_id", "source")
    return sorted(leaks)


def _side(row: dict[str, object]) -> str | None:
    if row["fold"] is not None:
        return f"fold {row['fold']}"
    return f"split {row['split']}" if row["split"] is not None else None


def _parted(rows: list[dict[str, object]], column: str, what: str) -> list[str]:
    sides = defaultdict(set)
    for row in rows:
        if row[column] is not None:
            sides[row[column]].add(_side(row))
    return [f"{what} {name} is in {_listed(found)}" for name, found in sides.items() if len(found) > 1]


def _parted_children(rows: list[dict[str, object]]) -> list[str]:
    side_of = {row["face_id"]: _side(row) for row in rows}
    return [
        f"generated face {row['face_id']} is in {_side(row)} and its parent in {side_of[row['parent_id']]}"
        for row in rows
        if row["parent_id"] in side_of and side_of[row["parent_id"]] != _side(row)
    ]


def _parted_tracks(rows: list[dict[str, object]]) -> list[str]:
    """Find subjects of one video on two sides that no frame shows to be two people."""
    frames: dict[object, dict[tuple[object, str | None], set[object]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row["subject_origin"] == "video":
            frames[row["source_id"]][row["subject_id"], _side(row)].add(row["frame_index"])
    return [
        f"subjects {first[0]} and {second[0]} of source {source} may be one person and are in "
        f"{_listed({first[1], second[1]})}"
        for source, tracks in frames.items()
        if len({side for _, side in tracks}) > 1
        for first, second in combinations(sorted(tracks, key=str), 2)
        if first[1] != second[1] and first[0] != second[0] and not tracks[first] & tracks[second]
    ]


def _listed(sides: set[str | None]) -> str:
    return " and ".join(sorted(str(side) for side in sides))
