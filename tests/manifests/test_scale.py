"""Tables in many row groups and runs: the same bytes, rows and violations as from plain Python over whole tables."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fertools.core.workspace import Workspace
from fertools.manifests import key_order, nested, store, table_stream
from fertools.manifests.key_order import in_key_order
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SOURCES
from fertools.manifests.source_codes import number_sources
from fertools.manifests.validation import validate
from tests.manifests.rows import Row, build, face, identify, source


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_stream, "GROUP_ROWS", 5)
    monkeypatch.setattr(key_order, "RUN_ROWS", 11)
    monkeypatch.setattr(key_order, "BLOCK_ROWS", 3)


@pytest.mark.parametrize("seed", range(12))
def test_runs_are_merged_into_the_order_of_a_stable_sort(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = [{"key": str(rng.randrange(30)), "place": place} for place in range(rng.randrange(90))]
    table = pa.Table.from_pylist(rows, pa.schema({"key": pa.string(), "place": pa.int64()}))
    ends = sorted(rng.randrange(len(rows) + 1) for _ in range(rng.randrange(9)))
    pieces = [table.slice(begin, end - begin) for begin, end in zip([0, *ends], [*ends, len(rows)], strict=True)]
    found = [row for part in in_key_order(pieces, "key", tmp_path) for row in part.to_pylist()]
    assert [row["key"] for row in found] == sorted(row["key"] for row in rows)
    assert sorted(row["place"] for row in found) == list(range(len(rows)))
    assert list(tmp_path.iterdir()) == []


def _varied(rng: random.Random, count: int) -> list[Row]:
    """Return faces, some of them without landmarks."""
    found = []
    for number in range(count):
        points = None if rng.random() < 0.3 else [[rng.random(), 2.0]] * 5
        emotion = rng.choice(["anger", "fear", None])
        found.append(face(f"{number}", frame=number, landmarks=points, emotion=emotion, fold=rng.choice([0, 1, None])))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_rows_in_pieces_of_any_size_give_the_same_bytes(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    table = FACES.table(_varied(rng, rng.randrange(40)))
    store.write_table(tmp_path / "whole", FACES, table)
    cuts = [0, *sorted(rng.randrange(len(table) + 1) for _ in range(4)), len(table)]
    pieces = [table.slice(begin, end - begin) for begin, end in itertools.pairwise(cuts)]
    table_stream.write_groups(tmp_path / "pieces", FACES, pieces)
    order = np.random.default_rng(seed).permutation(len(table))
    store.write_table(tmp_path / "shuffled", FACES, nested.take(table, order))
    store.write_columns(tmp_path / "pieces", FACES, {"fold": table["fold"], "emotion": table["emotion"]})
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "shuffled").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("seed", range(8))
def test_a_filtered_read_is_that_of_a_list(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    workspace = build(tmp_path, _varied(rng, 33))
    rows = store.read_faces(workspace).to_pylist()
    wanted: list[tuple[list[Any], Any]] = [
        ([("emotion", "=", "anger")], lambda row: row["emotion"] == "anger"),
        ([("fold", "in", [1]), ("emotion", "=", "fear")], lambda row: (row["fold"], row["emotion"]) == (1, "fear")),
        ([("frame_index", "<", 4)], lambda row: row["frame_index"] < 4),
        ([("emotion", "=", "surprise")], lambda row: False),
        # A null meets no condition, so these are not the opposites of the ones above.
        ([("fold", "not in", [1])], lambda row: row["fold"] not in (None, 1)),
        (
            [("emotion", "!=", "fear"), ("frame_index", ">=", 1)],
            lambda row: row["emotion"] not in (None, "fear") and row["frame_index"] >= 1,
        ),
    ]
    for filters, meets in wanted:
        expected = [row for row in rows if meets(row)]
        assert store.read_faces(workspace, None, filters).to_pylist() == expected
        columns = ["landmarks", "face_id"]
        found = store.read_faces(workspace, columns, filters).to_pylist()
        assert found == [{name: row[name] for name in columns} for row in expected]


@pytest.mark.parametrize("seed", range(8))
def test_parts_of_any_length_are_joined_in_order(tmp_path: Path, seed: int) -> None:
    rng, workspace = random.Random(seed), Workspace(tmp_path)
    rows = _varied(rng, rng.randrange(1, 90))
    part_of = [rng.choice([0, 0, 0, 1, 1, 2, 3, 4]) for _ in rows]
    for part in range(5):
        own = [row for row, place in zip(rows, part_of, strict=True) if place == part]
        store.commit_part(workspace, f"part{part}", FACES.table(own), SOURCES.table([source(f"{part}.mp4")]))
    store.rebuild(workspace)
    assert store.read_faces(workspace).equals(FACES.table(sorted(rows, key=lambda row: str(row["face_id"]))))


def test_labels_are_kept_across_row_groups_of_other_rows(tmp_path: Path) -> None:
    rng, workspace = random.Random(3), Workspace(tmp_path)
    names = [f"{number}" for number in range(60)]
    for part in range(4):
        rows = [face(name, f"{part}.mp4", number) for number, name in enumerate(names[part::4])]
        store.commit_part(workspace, f"part{part}", FACES.table(rows), SOURCES.table([source(f"{part}.mp4")]))
    store.rebuild(workspace)
    labels: dict[str, Any] = {}
    kept = [row for row in store.read_faces(workspace).to_pylist() if rng.random() < 0.5]
    for row in kept:
        row |= {"emotion": rng.choice(["anger", None]), "emotion_origin": "people", "fold": rng.randrange(3)}
        labels[row["face_id"]] = {name: row[name] for name in LABEL_COLUMNS}
    store.write_table(workspace.manifest, FACES, FACES.table(kept))
    store.rebuild(workspace)
    found = store.read_faces(workspace).to_pylist()
    assert len(found) == len(names)
    for row in found:
        expected = labels.get(row["face_id"])
        assert {name: row[name] for name in LABEL_COLUMNS} == (expected or {**dict.fromkeys(LABEL_COLUMNS), **_FIRST})


_FIRST = {"subject_id": "anna", "subject_origin": "folder"}


def test_sources_that_are_not_listed_have_numbers_of_their_own() -> None:
    of_faces = pa.chunked_array([["x", "b"], ["a", "y", "x", "b"]])
    numbers = number_sources(of_faces, pa.chunked_array([["a"], ["b"]])).tolist()
    assert (numbers[1], numbers[2], numbers[5]) == (1, 0, 1)
    assert numbers[0] == numbers[4] >= 2
    assert numbers[3] >= 2
    assert numbers[3] != numbers[0]


@pytest.mark.parametrize("seed", range(15))
def test_violations_between_rows_are_those_of_plain_python(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for number in range(40):
        video = rng.randrange(4)
        frame = rng.randrange(9)
        rows.append(
            face(
                f"{number}",
                f"{video}.mp4",
                frame,
                pts_s=rng.choice([frame / 25, frame / 25, 0.1, None]),
                track_id=rng.randrange(2),
                interpolated=rng.random() < 0.2,
                status=rng.choice(["kept", "kept", "rejected"]),
                pair_id=rng.choice([None, "p", "q", "r"]),
                sequence_id=rng.choice([None, "s", "t"]),
                modality=rng.choice(["visible", "thermal", "animated"]),
                subject_id=rng.choice(["anna", "anna", "ben", None]),
                subject_origin=rng.choice(["folder", "folder", "video"]),
                parent_id=rng.choice([None, None, None, identify("3"), identify("nobody")]),
                fold=rng.choice([0, 3, None]),
            )
        )
    listed = [source(f"{video}.mp4", faces_kept=rng.randrange(8), faces_rejected=2) for video in range(3)]
    workspace = build(tmp_path, rows, listed)
    found = {one.invariant: one.count for one in validate(workspace).violations}
    for name, count in _plain(rows, listed).items():
        assert found.get(name, 0) == count, name


def _plain(rows: list[Row], listed: list[Row]) -> dict[str, int]:
    """Return the number of violations of the invariants that compare rows."""
    known = {row["source_id"] for row in listed}
    real = [row for row in rows if row["parent_id"] is None]
    kept = [row for row in real if row["status"] == "kept"]
    return {
        "source-known": sum(row["source_id"] not in known for row in rows),
        "source-counts": sum(_counts(row["source_id"], real) != _stated(row) for row in listed),
        "time-order": _backward(rows),
        "interpolated-between": sum(_lost(row, real) for row in real if row["interpolated"]),
        "pair-subject": _mixed([row for row in kept if row["modality"] != "animated"], "pair_id"),
        "pair-modality": _repeated(kept),
        "folds-contiguous": 2 if any(row["fold"] == 3 for row in rows) else 0,
        "parent-known": sum(row["parent_id"] == identify("nobody") for row in rows),
    }


def _counts(name: str, real: list[Row]) -> tuple[int, int, int]:
    own = [row for row in real if row["source_id"] == name]
    statuses = [row["status"] for row in own]
    return statuses.count("kept"), statuses.count("rejected"), sum(row["interpolated"] for row in own)


def _stated(row: Row) -> tuple[int, int, int]:
    return row["faces_kept"], row["faces_rejected"], row["faces_interpolated"]


def _backward(rows: list[Row]) -> int:
    wrong = 0
    for name in {row["source_id"] for row in rows}:
        timed = sorted(
            (row["frame_index"], row["pts_s"]) for row in rows if row["source_id"] == name and row["pts_s"] is not None
        )
        for before, after in itertools.pairwise(timed):
            wrong += after[1] < before[1] or (after[0] == before[0] and after[1] != before[1])
    return wrong


def _lost(row: Row, real: list[Row]) -> bool:
    place = ("source_id", "shot_id", "track_id")
    detected = [one for one in real if not one["interpolated"]]
    frames = [one["frame_index"] for one in detected if all(one[name] == row[name] for name in place)]
    shared = any(all(one[name] == row[name] for name in ("source_id", "track_id", "frame_index")) for one in detected)
    return shared or not frames or not min(frames) < row["frame_index"] < max(frames)


def _mixed(rows: list[Row], column: str) -> int:
    people: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row[column] is not None and row["subject_id"] is not None and row["subject_origin"] != "video":
            people[row[column]].add(row["subject_id"])
    return sum(len(found) > 1 for found in people.values())


def _repeated(rows: list[Row]) -> int:
    seen = [(row["pair_id"], row["modality"]) for row in rows if row["pair_id"] is not None]
    return len({one for one in seen if seen.count(one) > 1})
