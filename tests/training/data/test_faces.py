"""The faces of a run, their split parts and their pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fertools.core.errors import CheckFailed, InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.data.faces import Faces, pick_examples, select_faces
from fertools.training.data.pixel_cache import load_pixels, read_crop
from tests.training.blobs import blob_rows, write_blobs

Row = dict[str, Any]


def select(workspace: Workspace, **changes: Any) -> Faces:
    wanted: dict[str, Any] = {"modality": "visible", "test_folds": [0], "needs_emotion": True, "needs_va": False}
    return select_faces(workspace, **(wanted | changes))


def test_one_fold_is_held_out_and_the_others_are_trained_on(tmp_path: Path) -> None:
    faces = select(write_blobs(tmp_path), test_folds=[2])
    assert faces.subjects("train") == 3
    assert faces.subjects("test") == 1
    assert set(faces.table["fold"].take(faces.rows("test")).to_pylist()) == {2}
    assert set(faces.table["fold"].take(faces.rows("train")).to_pylist()) == {0, 1, 3}
    assert faces.counts("test") == dict.fromkeys(EMOTIONS, 1)
    assert faces.table["face_id"].to_pylist() == sorted(faces.table["face_id"].to_pylist())


def test_labels_are_those_of_their_rows(tmp_path: Path) -> None:
    faces = select(write_blobs(tmp_path))
    for row in range(len(faces.table)):
        assert EMOTIONS[faces.emotions[row]] == faces.table["emotion"][row].as_py()
        assert faces.valence_arousal[row, 0] == np.float32(faces.table["valence"][row].as_py())
        assert faces.valence_arousal[row, 1] == np.float32(faces.table["arousal"][row].as_py())


def test_a_hold_out_is_taken_where_there_are_no_folds(tmp_path: Path) -> None:
    rows = blob_rows(fold=None)
    for row in rows:
        row["split"] = {"p00": "test", "p01": "val"}.get(row["subject_id"], "train")
    faces = select(write_blobs(tmp_path, rows))
    people = {side: set(faces.table["subject_id"].take(faces.rows(side)).to_pylist()) for side in ("train", "test")}
    assert people == {"train": {"p02", "p03"}, "test": {"p00"}}, "validation faces take no part"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "rejected", "reason": "blurred"},
        {"modality": "thermal"},
        {"path": None},
        {"parent_id": "0" * 32},
        {"fold": None},
        {"emotion": "contempt"},
        {"emotion": None},
    ],
    ids=str,
)
def test_faces_that_cannot_be_trained_on_are_left_out(tmp_path: Path, change: Row) -> None:
    rows = blob_rows()
    workspace = write_blobs(tmp_path, rows)
    whole = len(select(workspace).table)
    changed = [rows[8] | change]
    kept = [row for number, row in enumerate(rows) if number != 8]
    _write_manifest(workspace, kept + changed)
    faces = select(workspace)
    assert len(faces.table) == whole - 1
    assert rows[8]["face_id"] not in faces.table["face_id"].to_pylist()


def _write_manifest(workspace: Workspace, rows: list[Row]) -> None:
    from fertools.manifests import store
    from fertools.manifests.schema import FACES

    clean = [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    store.write_table(workspace.manifest, FACES, FACES.table(clean))


def test_valence_and_arousal_alone_need_no_expression(tmp_path: Path) -> None:
    rows = blob_rows(emotion=None, emotion_origin=None)
    rows[0]["valence"] = None
    faces = select(write_blobs(tmp_path, rows), needs_emotion=False, needs_va=True)
    assert len(faces.table) == len(rows) - 1
    assert set(faces.emotions.tolist()) == {-1}


def change_all(rows: list[Row], change: Row) -> None:
    for row in rows:
        row.update(change)


def with_fold(fold: int | None) -> Callable[[list[Row]], None]:
    return lambda rows: change_all(rows, {"fold": fold})


def only(emotion: str) -> Callable[[list[Row]], None]:
    return lambda rows: change_all(rows, {"emotion": emotion})


def only_while_training(rows: list[Row]) -> None:
    for row in rows:
        if row["fold"]:
            row["emotion"] = "fear"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_fold(None), r"run `fertools\.split\(workspace, folds=10\)` first"),
        (with_fold(7), "folds go from 7 to 7"),
        (with_fold(0), "no labelled face is left in the training part"),
        (only("fear"), "every labelled face is fear"),
        (only("contempt"), "no face has one of the seven expressions"),
        (only_while_training, "every training face is fear"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, change: Callable[[list[Row]], None], words: str) -> None:
    rows = blob_rows(2)
    change(rows)
    with pytest.raises(InputError, match=words):
        select(write_blobs(tmp_path, rows))


def test_no_faces_at_all_and_no_ratings_are_named(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path, blob_rows(2, valence=None))
    with pytest.raises(InputError, match="no kept nir faces"):
        select(workspace, modality="nir")
    with pytest.raises(InputError, match="no face has valence and arousal"):
        select(workspace, needs_va=True)


def test_a_person_on_both_sides_is_refused_whoever_made_the_split(tmp_path: Path) -> None:
    rows = blob_rows()
    rows[0]["subject_id"] = "p01"
    with pytest.raises(CheckFailed, match="subject p01 is in split test and split train"):
        select(write_blobs(tmp_path, rows))


@pytest.mark.parametrize(
    ("column", "value"),
    [("emotion", "fear"), ("valence", 0.5), ("subject_id", "p09"), ("fold", 3), ("path", "")],
)
def test_the_fingerprint_depends_on_what_training_depends_on(tmp_path: Path, column: str, value: object) -> None:
    rows = blob_rows()
    workspace = write_blobs(tmp_path, rows)
    before = select(workspace).fingerprint()
    assert select(workspace).fingerprint() == before
    if column == "fold":
        for row in rows[7:14]:
            row["fold"] = value
    else:
        rows[7][column] = rows[7]["path"].replace(".png", ".jpg") if column == "path" else value
    _write_manifest(workspace, rows)
    assert select(workspace).fingerprint() != before


def test_prototypes_are_means_over_training_faces_alone(tmp_path: Path) -> None:
    rows = blob_rows(3)
    for row, valence in zip((row for row in rows if row["emotion"] == "fear"), (0.9, -0.2, -0.6), strict=True):
        row["valence"] = valence  # of subjects 0 (held out), 1 and 2
    for row in rows:
        if row["emotion"] == "anger":
            row["arousal"] = None
    prototypes = select(write_blobs(tmp_path, rows)).prototypes()
    assert prototypes[EMOTIONS.index("fear"), 0] == pytest.approx(-0.4)
    assert prototypes[EMOTIONS.index("anger")].tolist() == [0, 0]


def test_pixels_are_the_crops_in_row_order_and_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_blobs(tmp_path)
    faces = select(workspace)
    pixels = load_pixels(workspace, faces, 24, tmp_path / "cache")
    assert pixels.shape == (28, 24, 24, 3)
    for row in (0, 13, 27):
        expected = read_crop(tmp_path / faces.table["path"][row].as_py(), 24)
        np.testing.assert_array_equal(pixels[row], expected)
    with monkeypatch.context() as patch:
        read = "fertools.training.data.pixel_cache.read_crop"
        patch.setattr(read, lambda path, size_px: pytest.fail(f"{path} is read again"))
        np.testing.assert_array_equal(load_pixels(workspace, faces, 24, tmp_path / "cache"), pixels)
    (tmp_path / faces.table["path"][3].as_py()).write_bytes(b"no picture")
    with pytest.raises(InputError, match="is not an image"):
        load_pixels(workspace, faces, 16, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1, "another size has a file of its own, whole or not at all"


def test_a_crop_that_was_made_anew_is_read_anew(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    faces = select(workspace)
    before = load_pixels(workspace, faces, 24, tmp_path / "cache")
    path = tmp_path / faces.table["path"][3].as_py()
    cv2.imwrite(str(path), np.zeros((50, 50, 3), np.uint8))
    after = load_pixels(workspace, faces, 24, tmp_path / "cache")
    assert after[3].max() == 0 < before[3].max()
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_pixels(workspace, faces, 24, tmp_path / "cache")


def test_people_are_kept_for_validation_and_none_of_them_is_trained_on(tmp_path: Path) -> None:
    faces = select(write_blobs(tmp_path, blob_rows(9)), val_share=0.25)
    sides = {
        side: set(faces.table["subject_id"].take(faces.rows(side)).to_pylist()) for side in ("train", "val", "test")
    }
    assert {side: len(people) for side, people in sides.items()} == {"train": 6, "val": 2, "test": 1}
    assert len(set.union(*sides.values())) == 9
    assert sorted(np.concatenate([faces.rows(side) for side in ("train", "val", "test")]).tolist()) == list(range(63))
    one = select(write_blobs(tmp_path / "few", blob_rows(2)))
    assert not len(one.rows("val"))
    with pytest.raises(InputError, match="nobody is left for validation"):
        select(write_blobs(tmp_path / "few", blob_rows(2)), val_share=0.25)


def test_other_classes_than_the_seven(tmp_path: Path) -> None:
    rows = blob_rows(3)
    for row in rows:
        if row["emotion"] == "neutral":
            row["emotion"] = "contempt"
    faces = select(write_blobs(tmp_path, rows), classes=("contempt", "fear"))
    assert faces.counts("train") == {"contempt": 2, "fear": 2}
    assert faces.emotions.tolist() == [0 if name == "contempt" else 1 for name in faces.table["emotion"].to_pylist()]
    with pytest.raises(InputError, match="one of the expressions pain, boredom"):
        select(write_blobs(tmp_path, rows), classes=("pain", "boredom"))


def test_a_crop_is_rgb_and_shrinks_by_averaging(tmp_path: Path) -> None:
    halves = np.zeros((32, 32, 3), np.uint8)
    halves[:, ::2] = (200, 100, 50)
    Image.fromarray(halves).save(tmp_path / "a.png")
    assert read_crop(tmp_path / "a.png", 16)[5, 5].tolist() == [100, 50, 25]
    plain = cv2.imread(str(tmp_path / "a.png"))
    assert plain is not None
    np.testing.assert_array_equal(read_crop(tmp_path / "a.png", 32), plain[..., ::-1])
    assert read_crop(tmp_path / "a.png", 48).shape == (48, 48, 3)


def test_a_crop_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png is not an image"):
        read_crop(tmp_path / "a.png", 16)
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"b\.png is not an image"):
        read_crop(tmp_path / "b.png", 16)


def test_examples_are_of_many_people_and_expressions(tmp_path: Path) -> None:
    rows = blob_rows(4)
    for row in rows:
        row["fold"] = row["fold"] // 2
    faces = select(write_blobs(tmp_path, rows))
    chosen = pick_examples(faces, 6)
    assert set(chosen.tolist()) <= set(faces.rows("test").tolist())
    assert sorted(faces.table["subject_id"].take(chosen).to_pylist()) == ["p00"] * 3 + ["p01"] * 3
    assert len(set(faces.emotions[chosen].tolist())) == 6
    np.testing.assert_array_equal(pick_examples(faces, 6), chosen)
    assert sorted(pick_examples(faces, 99).tolist()) == sorted(faces.rows("test").tolist())


def test_all_folds_know_the_rows_that_they_were_taken_from(tmp_path: Path) -> None:
    rows = blob_rows()

    def source(folder: str, fold: int) -> str:
        faces = select(write_blobs(tmp_path / folder, rows), test_folds=[fold], val_share=0.3)
        return faces.keep(np.arange(len(faces.table)) > 0).source

    before = source("a", 0)
    assert before
    assert source("b", 1) == before
    rows[0]["weight"] = 0.5
    assert source("c", 0) != before
