from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import InputError
from fertools.splits.groups import COLUMNS, group_faces
from fertools.splits.protocol import GroupBy


def _table(rows: Iterable[tuple[str, int, str | None, str]], **columns: list[str | None]) -> pa.Table:
    """Return a table of faces from (source, frame, subject, origin)."""
    source, frame, subject, origin = zip(*rows, strict=True)
    names = {"face_id": [f"f{number}" for number in range(len(source))], "parent_id": [None] * len(source)}
    names |= {name: [None] * len(source) for name in ("pair_id", "dataset", "sequence_id")}
    names |= {"modality": ["visible"] * len(source)}
    cells = {"source_id": source, "frame_index": frame, "subject_id": subject, "subject_origin": origin}
    return pa.table({name: pa.array((names | cells | columns)[name]) for name in COLUMNS})


def _grouped(table: pa.Table, group_by: GroupBy = "subject") -> set[frozenset[str]]:
    """Return the groups as sets of face identifiers."""
    numbers, names = group_faces(table, group_by)
    assert set(numbers.tolist()) == set(range(len(names)))
    faces = table["face_id"].to_pylist()
    return {frozenset(face for face, own in zip(faces, numbers, strict=True) if own == one) for one in set(numbers)}


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        pytest.param(
            [("a", 0, "x", "folder"), ("b", 0, "x", "folder"), ("b", 0, "y", "folder")],
            [{"f0", "f1"}, {"f2"}],
            id="one subject in two sources",
        ),
        pytest.param(
            [("a", 0, "x", "video"), ("a", 9, "y", "video")],
            [{"f0", "f1"}],
            id="two tracks that are never together may be one person",
        ),
        pytest.param(
            [("a", 0, "x", "video"), ("a", 0, "y", "video"), ("a", 9, "x", "video")],
            [{"f0", "f2"}, {"f1"}],
            id="two tracks in one frame are two people",
        ),
        pytest.param(
            [("a", 0, "x", "video"), ("a", 0, "y", "video"), ("a", 9, "z", "video")],
            [{"f0", "f1", "f2"}],
            id="a third track may be either of two",
        ),
        pytest.param(
            [("a", 0, "x", "video"), ("b", 9, "y", "video")],
            [{"f0"}, {"f1"}],
            id="tracks of two videos",
        ),
        pytest.param(
            [("a", 0, "x", "folder"), ("a", 9, "y", "dataset")],
            [{"f0"}, {"f1"}],
            id="subjects that somebody named are told apart",
        ),
    ],
)
def test_ties(rows: list[tuple[str, int, str | None, str]], groups: list[set[str]]) -> None:
    assert _grouped(_table(rows)) == {frozenset(group) for group in groups}


def test_group_by_source_keeps_a_source_together() -> None:
    table = _table([("a", 0, "x", "folder"), ("a", 1, "y", "folder"), ("b", 0, "y", "folder"), ("c", 0, "z", "folder")])
    assert _grouped(table) == {frozenset({"f0"}), frozenset({"f1", "f2"}), frozenset({"f3"})}
    assert _grouped(table, "source") == {frozenset({"f0", "f1", "f2"}), frozenset({"f3"})}


def test_a_generated_face_goes_with_its_parent() -> None:
    rows: list[tuple[str, int, str | None, str]] = [
        ("a", 0, "x", "folder"),
        ("a", 0, None, "folder"),
        ("g", 0, "y", "folder"),
        ("b", 0, "y", "folder"),
        ("b", 1, "z", "folder"),
    ]
    parents: list[str | None] = [None, "f0", "f0", None, None]
    assert _grouped(_table(rows, parent_id=parents)) == {frozenset({"f0", "f1", "f2", "f3"}), frozenset({"f4"})}


_PICTURES: list[tuple[str, int, str | None, str]] = [
    ("a", 0, "x", "folder"),
    ("b", 0, "y", "folder"),
    ("c", 0, "z", "folder"),
    ("d", 0, None, "folder"),
]
_SEQUENCES: dict[str, list[str | None]] = {"dataset": ["m"] * 4, "sequence_id": ["t1", "t2", "t1", "t1"]}


def test_frames_of_one_sequence_are_one_group_also_where_the_subject_is_unknown() -> None:
    assert _grouped(_table(_PICTURES, **_SEQUENCES)) == {frozenset({"f0", "f2", "f3"}), frozenset({"f1"})}
    _, names = group_faces(_table(_PICTURES, **_SEQUENCES))
    assert names == ["x", "y"]


@pytest.mark.parametrize(
    "other", [{"dataset": ["m", "m", "n", "m"]}, {"modality": ["visible", "visible", "thermal", "visible"]}]
)
def test_a_name_is_another_sequence_in_another_dataset_or_modality(other: dict[str, list[str | None]]) -> None:
    grouped = _grouped(_table(_PICTURES, **(_SEQUENCES | other)))
    assert grouped == {frozenset({"f0", "f3"}), frozenset({"f1"}), frozenset({"f2"})}


def test_a_sequence_without_any_subject_is_refused() -> None:
    rows = [*_PICTURES[:3], ("d", 0, None, "folder")]
    with pytest.raises(InputError, match=r"1 of 4 kept faces have no subject \(the first is f3\)"):
        group_faces(_table(rows, dataset=["m"] * 4, sequence_id=["t1", "t2", "t1", "t9"]))


def test_faces_without_a_subject_are_refused_with_their_number_and_the_first() -> None:
    with pytest.raises(InputError, match=r"1 of 2 kept faces have no subject \(the first is f1\)"):
        group_faces(_table([("a", 0, "x", "folder"), ("a", 1, None, "folder")]))


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.sampled_from("stuvwxyz"), st.just("video")),
        min_size=1,
        max_size=25,
    ),
    seed=st.integers(0, 9),
)
def test_video_groups_are_those_of_all_pairs_looked_at(rows: list[tuple[str, int, str, str]], seed: int) -> None:
    # A track lies in one video, so its name begins with that of the video.
    rows = [(source, frame, source + subject, origin) for source, frame, subject, origin in rows]
    shuffled = rows.copy()
    random.Random(seed).shuffle(shuffled)
    assert _names_by_subject(shuffled) == _components(rows) == _names_by_subject(rows)


def _names_by_subject(rows: list[tuple[str, int, str, str]]) -> dict[str, str]:
    numbers, names = group_faces(_table(rows))
    return {row[2]: names[number] for row, number in zip(rows, numbers, strict=True)}


def _components(rows: list[tuple[str, int, str, str]]) -> dict[str, str]:
    """Return the first subject of each subject's group, by joining pairs until nothing changes."""
    frames: dict[str, set[tuple[str, int]]] = {}
    for source, frame, subject, _ in rows:
        frames.setdefault(subject, set()).add((source, frame))
    name = {subject: subject for subject in frames}
    for _ in frames:
        for one, other in combinations(frames, 2):
            if one[0] == other[0] and not frames[one] & frames[other]:
                name[one] = name[other] = min(name[one], name[other])
    return name


@pytest.mark.parametrize(
    ("modality", "groups"),
    [("thermal", {frozenset({"f0", "f1"}), frozenset({"f2"})}), ("animated", {frozenset({f"f{n}"}) for n in range(3)})],
)
def test_both_halves_of_a_pair_are_one_group_unless_one_is_a_drawn_character(
    modality: str, groups: set[frozenset[str]]
) -> None:
    rows = [("a", 0, "v1", "video"), ("b", 0, "v2", "video"), ("c", 0, "v3", "video")]
    table = _table(rows, pair_id=["m", "m", None], modality=["visible", modality, "visible"])
    assert _grouped(table) == groups
