"""Which faces belong together, and which leaks a split has, said pair by pair: slow, short and easy to check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from tests.manifests.rows import Row


def plain_subjects(rows: Sequence[Row]) -> list[str | None]:
    """Return the subject of each face: its own, else its parent's, else the first one of its sequence."""
    own = {row["face_id"]: row["subject_id"] for row in rows}
    found = []
    for row in rows:
        takes = [r["subject_id"] for r in rows if _same_take(r, row) and r["subject_id"] is not None]
        found.append(row["subject_id"] or own.get(row["parent_id"]) or min(takes, default=None))
    return found


def plain_groups(rows: Sequence[Row], by_source: bool, copies: Iterable[tuple[int, int]] = ()) -> list[set[int]]:
    """Return the groups as sets of row numbers."""
    subjects = plain_subjects(rows)
    groups = [{number} for number in range(len(rows))]
    linked = set(copies)
    for one, other in combinations(range(len(rows)), 2):
        first, second = rows[one], rows[other]
        if (
            (one, other) in linked
            or subjects[one] == subjects[other]
            or first["face_id"] == second["parent_id"]
            or second["face_id"] == first["parent_id"]
            or _same_take(first, second)
            or (by_source and first["source_id"] == second["source_id"])
            or (first["pair_id"] is not None and first["pair_id"] == second["pair_id"] and not _drawn(first, second))
            or _may_be_one(rows, subjects, one, other)
        ):
            mine, theirs = (next(group for group in groups if number in group) for number in (one, other))
            if mine is not theirs:
                groups.remove(theirs)
                mine |= theirs
    return groups


def plain_leaks(rows: Sequence[Row], by_source: bool) -> set[str]:
    """Return the sentence of each leak."""
    found = set()
    rows = [row for row in rows if _part(row) is not None]
    for one, other in combinations(range(len(rows)), 2):
        first, second = rows[one], rows[other]
        if _part(first) == _part(second):
            continue
        for name, what in (("subject_id", "subject"), ("pair_id", "pair"), ("source_id", "source")):
            equal = first[name] is not None and first[name] == second[name]
            if equal and not (what == "pair" and _drawn(first, second)) and (what != "source" or by_source):
                found.add(f"{what} {first[name]} is in {_parts(rows, name, first[name], what == 'pair')}")
        for child, parent in ((first, second), (second, first)):
            if child["parent_id"] == parent["face_id"]:
                found.add(f"generated face {child['face_id']} is in {_part(child)} and its parent in {_part(parent)}")
        if _same_take(first, second):
            parts = sorted({str(_part(row)) for row in rows if _same_take(row, first)})
            where = f"{first['dataset'] or 'unnamed'} ({first['modality']})"
            found.add(f"sequence {first['sequence_id']} of {where} is in {' and '.join(parts)}")
        if _tracks_never_met(rows, one, other):
            names = sorted(((row["subject_id"], _part(row)) for row in (first, second)), key=str)
            parts = sorted(str(part) for _, part in names)
            found.add(
                f"subjects {names[0][0]} and {names[1][0]} of source {first['source_id']} may be one person and are in "
                f"{' and '.join(parts)}"
            )
    return found


def _same_take(one: Row, other: Row) -> bool:
    keys = ("dataset", "modality", "sequence_id")
    return one["sequence_id"] is not None and all(one[key] == other[key] for key in keys)


def _drawn(one: Row, other: Row) -> bool:
    return "animated" in (one["modality"], other["modality"])


def _may_be_one(rows: Sequence[Row], subjects: Sequence[str | None], one: int, other: int) -> bool:
    """Return whether two subjects are tracks of one video that no frame shows together."""
    first, second = rows[one], rows[other]
    if {first["subject_origin"], second["subject_origin"]} != {"video"} or first["source_id"] != second["source_id"]:
        return False
    frames: list[set[int]] = [set(), set()]
    for row, subject in zip(rows, subjects, strict=True):
        for number, wanted in enumerate((subjects[one], subjects[other])):
            if (subject, row["source_id"], row["subject_origin"]) == (wanted, first["source_id"], "video"):
                frames[number].add(row["frame_index"])
    return not frames[0] & frames[1]


def _tracks_never_met(rows: Sequence[Row], one: int, other: int) -> bool:
    first, second = rows[one], rows[other]
    if {first["subject_origin"], second["subject_origin"]} != {"video"} or first["source_id"] != second["source_id"]:
        return False
    if first["subject_id"] == second["subject_id"]:
        return False
    frames: list[set[int]] = [set(), set()]
    for row in rows:
        for number, like in enumerate((first, second)):
            keys = ("subject_id", "source_id", "subject_origin")
            if all(row[key] == like[key] for key in keys) and _part(row) == _part(like):
                frames[number].add(row["frame_index"])
    return not frames[0] & frames[1]


def _parts(rows: Sequence[Row], name: str, value: str, is_pair: bool) -> str:
    parts = {str(_part(row)) for row in rows if row[name] == value and not (is_pair and row["modality"] == "animated")}
    return " and ".join(sorted(parts))


def _part(row: Row) -> str | None:
    if row["fold"] is not None:
        return f"fold {row['fold']}"
    return None if row["split"] is None else f"split {row['split']}"
