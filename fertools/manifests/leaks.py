"""Find people who are in two parts of a split, without using the code that made the split.

`fertools.splits.groups` joins faces into groups before it assigns them. This module joins nothing: it checks each rule
pair by pair in the finished columns, so it does not repeat a mistake made there.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import pyarrow as pa

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


def find_leaks(faces: pa.Table, *, by_source: bool = False) -> list[str]:
    """Return one sentence per leak, in alphabetical order. An empty list means that no person is in two parts.

    Args:
        faces: rows of a manifest with COLUMNS. Rows with neither fold nor split are ignored.
        by_source: whether a source in two parts is a leak, too.
    """
    rows = [row for row in faces.select(list(COLUMNS)).to_pylist() if _part(row) is not None]
    leaks = _separated(rows, "subject_id", "subject") + _separated_children(rows) + _separated_tracks(rows)
    # A drawn character plays several people, so its pictures may be apart from them.
    leaks += _separated([row for row in rows if row["modality"] != ANIMATED], "pair_id", "pair")
    leaks += _separated_sequences(rows)
    if by_source:
        leaks += _separated(rows, "source_id", "source")
    return sorted(leaks)


def _part(row: dict[str, object]) -> str | None:
    if row["fold"] is not None:
        return f"fold {row['fold']}"
    return f"split {row['split']}" if row["split"] is not None else None


def _separated(rows: list[dict[str, object]], column: str, what: str) -> list[str]:
    parts = defaultdict(set)
    for row in rows:
        if row[column] is not None:
            parts[row[column]].add(_part(row))
    return [f"{what} {name} is in {_listed(found)}" for name, found in parts.items() if len(found) > 1]


def _separated_sequences(rows: list[dict[str, object]]) -> list[str]:
    """Find sequences of pictures in two parts; a name means another sequence in each dataset and modality."""
    parts = defaultdict(set)
    for row in rows:
        if row["sequence_id"] is not None:
            parts[row["dataset"], row["modality"], row["sequence_id"]].add(_part(row))
    return [
        f"sequence {sequence} of {dataset or 'unnamed'} ({modality}) is in {_listed(found)}"
        for (dataset, modality, sequence), found in parts.items()
        if len(found) > 1
    ]


def _separated_children(rows: list[dict[str, object]]) -> list[str]:
    part_of = {row["face_id"]: _part(row) for row in rows}
    return [
        f"generated face {row['face_id']} is in {_part(row)} and its parent in {part_of[row['parent_id']]}"
        for row in rows
        if row["parent_id"] in part_of and part_of[row["parent_id"]] != _part(row)
    ]


def _separated_tracks(rows: list[dict[str, object]]) -> list[str]:
    """Find pairs of subjects of one video in two parts that no frame shows together, so they may be one person."""
    frames: dict[object, dict[tuple[object, str | None], set[object]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row["subject_origin"] == "video":
            frames[row["source_id"]][row["subject_id"], _part(row)].add(row["frame_index"])
    return [
        f"subjects {first[0]} and {second[0]} of source {source} may be one person and are in "
        f"{_listed({first[1], second[1]})}"
        for source, tracks in frames.items()
        if len({part for _, part in tracks}) > 1
        for first, second in combinations(sorted(tracks, key=str), 2)
        if first[1] != second[1] and first[0] != second[0] and not tracks[first] & tracks[second]
    ]


def _listed(parts: set[str | None]) -> str:
    return " and ".join(sorted(str(part) for part in parts))
