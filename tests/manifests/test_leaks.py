from __future__ import annotations

from typing import Any

import pytest

from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES
from tests.manifests.rows import Row, face, identify


def _video(name: str, frame: int, subject: str, **columns: Any) -> Row:
    return face(name, "clip.mp4", frame, subject_id=subject, subject_origin="video", **columns)


def _picture(name: str, **columns: Any) -> Row:
    return face(name, f"{name}.png", sequence_id="t1", **columns)


_UNKNOWN: Row = {"subject_id": None, "subject_origin": None}


@pytest.mark.parametrize(
    ("rows", "leak"),
    [
        pytest.param([face("a", fold=0), face("b", fold=1)], "subject anna is in fold 0 and fold 1", id="subject"),
        pytest.param(
            [face("a", split="train"), face("b", split="test")],
            "subject anna is in split test and split train",
            id="hold-out",
        ),
        pytest.param(
            [_video("a", 0, "t0", fold=0), _video("b", 9, "t1", fold=1)],
            f"subjects t0 and t1 of source {identify('clip.mp4')} may be one person and are in fold 0 and fold 1",
            id="tracks never together",
        ),
        pytest.param(
            [face("a", fold=0), face("g", fold=1, subject_id=None, subject_origin=None, parent_id=identify("a"))],
            f"generated face {identify('g')} is in fold 1 and its parent in fold 0",
            id="generated",
        ),
        pytest.param(
            [face("a", fold=0, pair_id="m"), face("b", fold=1, subject_id="ben", pair_id="m", modality="thermal")],
            "pair m is in fold 0 and fold 1",
            id="pair",
        ),
        pytest.param(
            [_picture("a", split="train", **_UNKNOWN), _picture("b", split="test", **_UNKNOWN)],
            "sequence t1 of made (visible) is in split test and split train",
            id="sequence without a subject",
        ),
    ],
)
def test_a_leak_is_found(rows: list[Row], leak: str) -> None:
    assert find_leaks(FACES.table(rows)) == [leak]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([face("a", fold=0), face("b", fold=None)], id="a face that takes no part"),
        pytest.param([face("a", fold=0), face("b", fold=1, subject_id="ben")], id="two people"),
        pytest.param([_video("a", 0, "t0", fold=0), _video("b", 0, "t1", fold=1)], id="two people in one frame"),
        pytest.param(
            [_picture("a", fold=0, **_UNKNOWN), _picture("b", fold=1, dataset="other", **_UNKNOWN)],
            id="sequences of two datasets with one name",
        ),
        pytest.param(
            [_picture("a", fold=0, **_UNKNOWN), _picture("b", fold=1, modality="thermal", **_UNKNOWN)],
            id="sequences of two modalities with one name",
        ),
        pytest.param(
            [face("a", fold=0, pair_id="m"), face("b", fold=1, subject_id="ben", pair_id="m", modality="animated")],
            id="a drawn character apart from who it plays",
        ),
    ],
)
def test_no_leak_is_found_where_there_is_none(rows: list[Row]) -> None:
    assert find_leaks(FACES.table(rows)) == []


def test_a_source_on_two_sides_is_a_leak_if_asked_for() -> None:
    table = FACES.table([face("a", fold=0), face("b", fold=1, subject_id="ben")])
    assert find_leaks(table, by_source=True) == [f"source {identify('clip.mp4')} is in fold 0 and fold 1"]
