"""Other folds of the same faces, for a complete repetition of a cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import find_leaks
from fertools.splits.resplit import resplit
from fertools.splits.split import split
from fertools.training.data.faces import select_faces
from tests.training.blobs import blob_rows, write_blobs


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = write_blobs(tmp_path, blob_rows(12, fold=None))
    split(workspace, folds=4)
    return workspace


def folds_of(table: pa.Table) -> dict[str, set[int]]:
    people: dict[str, set[int]] = {}
    for person, fold in zip(table["subject_id"].to_pylist(), table["fold"].to_pylist(), strict=True):
        people.setdefault(person, set()).add(fold)
    return people


def test_another_seed_gives_other_folds_of_whole_people(workspace: Workspace) -> None:
    faces = store.read_faces(workspace)
    found = {seed: resplit(workspace, faces, seed) for seed in (0, 1, 2)}
    assert found[0].equals(faces)
    for table in found.values():
        assert find_leaks(table) == []
        assert all(len(folds) == 1 for folds in folds_of(table).values())
        sizes = pc.value_counts(table["fold"]).to_pylist()
        assert sorted((entry["values"], entry["counts"]) for entry in sizes) == [(fold, 21) for fold in range(4)]
    assert len({str(folds_of(table)) for table in found.values()}) == 3


def test_the_folds_depend_on_neither_the_order_of_rows_nor_the_call(workspace: Workspace) -> None:
    faces = store.read_faces(workspace)
    backwards = faces.take(pa.array(range(len(faces) - 1, -1, -1)))
    again = resplit(workspace, backwards, 3)
    assert folds_of(again) == folds_of(resplit(workspace, faces, 3))
    assert again["face_id"].to_pylist() == backwards["face_id"].to_pylist()


def test_a_face_without_a_fold_stays_without_one(workspace: Workspace) -> None:
    faces = store.read_faces(workspace)
    folds = faces["fold"].to_pylist()
    late = store.replace_columns(faces, {"fold": pa.array([None, *folds[1:]], pa.int32())})
    assert resplit(workspace, late, 1)["fold"].null_count == 1


def test_a_run_is_held_out_by_the_other_folds(workspace: Workspace) -> None:
    chosen = {
        seed: select_faces(workspace, modality="visible", split_seed=seed, needs_emotion=True, needs_va=False)
        for seed in (0, 1)
    }
    people = {seed: set(faces.table["subject_id"].to_numpy()[faces.held_out]) for seed, faces in chosen.items()}
    other = folds_of(resplit(workspace, store.read_faces(workspace), 1))
    assert people[1] == {person for person, folds in other.items() if folds == {0}}
    assert people[0] != people[1]


@pytest.mark.parametrize(
    ("columns", "words"),
    [({"fold": None}, "has no folds; run "), ({}, "each of the 12 folds holds one person")],
)
def test_folds_that_cannot_change(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    workspace = write_blobs(tmp_path, blob_rows(12, **columns))
    with pytest.raises(InputError, match=words):
        resplit(workspace, store.read_faces(workspace), 1)
