"""Who is kept for validation: the same people in every run, and for pairs of folds whoever one of the folds keeps."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.manifests import store
from fertools.training.data.faces import Side, select_faces
from fertools.training.data.validation_people import choose_validation_people
from tests.training.blobs import blob_rows, write_blobs


def table_of(tmp_path: Path, people: int, folds: int) -> pa.Table:
    rows = blob_rows(people)
    for row in rows:
        row["fold"] = int(row["subject_id"][1:]) % folds
    return store.read_faces(write_blobs(tmp_path, rows))


def chosen(table: pa.Table, *folds: int, share: float = 0.1) -> frozenset[str]:
    held_out = np.asarray(pc.is_in(table["fold"], value_set=pa.array(folds, pa.int32())))
    return choose_validation_people(table, held_out, share)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_people_with_copies_of_one_picture_are_kept_together(tmp_path: Path, share: float) -> None:
    table = table_of(tmp_path, 20, 5)
    held_out = np.asarray(pc.equal(table["fold"], 0))
    trained = sorted(set(table["subject_id"].to_pylist()) - number_people(table, 0))
    rows = {name: table["subject_id"].to_pylist().index(name) for name in trained}
    separated = 0
    for one, other in zip(trained[::2], trained[1::2], strict=True):
        apart = choose_validation_people(table, held_out, share) & {one, other}
        together = choose_validation_people(table, held_out, share, np.array([[rows[one], rows[other]]]))
        assert len(together & {one, other}) != 1
        separated += len(apart) == 1
    assert separated


def number_people(table: pa.Table, fold: int) -> set[str]:
    return set(table.filter(pc.equal(table["fold"], fold))["subject_id"].to_pylist())


@pytest.mark.parametrize(("people", "folds"), [(40, 10), (12, 4), (9, 3)])
def test_whoever_one_fold_keeps_is_kept_or_held_out_by_every_pair_with_it(
    tmp_path: Path, people: int, folds: int
) -> None:
    table = table_of(tmp_path, people, folds)
    alone = {fold: chosen(table, fold) for fold in range(folds)}
    for pair in combinations(range(folds), 2):
        both = chosen(table, *pair)
        for fold, other in (pair, pair[::-1]):
            assert alone[fold] - number_people(table, other) <= both
            assert not both & number_people(table, fold)


def test_the_share_is_that_of_the_training_faces(tmp_path: Path) -> None:
    table = table_of(tmp_path, 40, 10)
    assert {len(chosen(table, fold)) for fold in range(10)} == {4}, "a tenth of 36"
    assert len(chosen(table, 0, share=0.25)) == 9
    assert chosen(table, 0, share=0) == frozenset()


def test_they_do_not_depend_on_the_order_of_rows_or_on_what_is_added_to_training(tmp_path: Path) -> None:
    table = table_of(tmp_path, 12, 4)
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    assert chosen(shuffled, 2) == chosen(table, 2)


def test_each_dataset_gives_its_share(tmp_path: Path) -> None:
    rows = blob_rows(60)
    for row in rows:
        number = int(row["subject_id"][1:])
        row["dataset"], row["fold"] = ("small" if number < 10 else "large"), number % 5
    kept = chosen(store.read_faces(write_blobs(tmp_path, rows)), 0, share=0.2)
    assert (len([name for name in kept if int(name[1:]) < 10]), len(kept)) == (2, 10)


def test_people_who_show_one_expression_are_taken_from_all_expressions(tmp_path: Path) -> None:
    rows = [row for row in blob_rows(70) if row["_picture"][1] == EMOTIONS[row["_picture"][0] % 7]]
    for row in rows:
        row["fold"] = row["_picture"][0] % 2
    table = store.read_faces(write_blobs(tmp_path, rows))
    kept = chosen(table, 0, share=0.25)
    shown = table.filter(pc.is_in(table["subject_id"], value_set=pa.array(sorted(kept))))["emotion"].to_pylist()
    assert len(shown) == 9
    assert max(shown.count(name) for name in shown) <= 3


def test_nobody_is_left_of_one_person(tmp_path: Path) -> None:
    table = table_of(tmp_path, 2, 2)
    with pytest.raises(InputError, match="nobody is left for validation"):
        chosen(table, 0)


def test_a_selection_of_one_modality_keeps_the_people_of_the_whole_manifest(tmp_path: Path) -> None:
    """A generator that reads two modalities and a classifier that reads one keep the same people."""
    rows = blob_rows(12)
    for row in rows:
        row["fold"] = int(row["subject_id"][1:]) % 4
        row["modality"] = "thermal" if row["emotion"] in ("fear", "anger", "sadness") else "visible"
    workspace = write_blobs(tmp_path, rows)
    kept = [
        {subject for subject, side in zip(faces.table["subject_id"].to_pylist(), faces.validating, strict=True) if side}
        for faces in (
            select_faces(workspace, modality=name, test_folds=[1], needs_emotion=True, needs_va=False, val_share=0.2)
            for name in ("visible", "thermal")
        )
    ]
    assert kept[0] == kept[1] != set()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_split_with_a_part_for_validation_names_the_people(tmp_path: Path, share: float) -> None:
    rows = blob_rows(9)
    parts = ("train", "val", "test")
    for row in rows:
        row["fold"], row["split"] = None, parts[int(row["subject_id"][1:]) % 3]
    workspace = write_blobs(tmp_path, rows)
    faces = select_faces(workspace, modality="visible", needs_emotion=True, needs_va=False, val_share=share)
    people = faces.table["subject_id"].to_pylist()
    sides: tuple[Side, ...] = ("train", "val", "test")
    for side in sides:
        wanted = {row["subject_id"] for row in rows if row["split"] == side}
        assert {people[row] for row in faces.rows(side)} == wanted
