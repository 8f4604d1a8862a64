"""Generated faces as training faces: labelled by their target, and never of people who are held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.core.errors import CheckFailed, InputError, SchemaError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces, select_faces
from fertools.training.data.generated_faces import SELECTION, SELECTION_NAME
from tests.training.blobs import blob_rows, write_blobs


def write(root: Path, *, unseen: list[int], modality: str = "visible") -> Workspace:
    """Write a workspace, and as many generated faces, each showing fear."""
    workspace = write_blobs(root, blob_rows())
    made: list[dict[str, Any]] = [
        row
        | {
            "face_id": row["face_id"][::-1],
            "parent_id": row["face_id"],
            "emotion": None,
            "modality": modality,
            "path": f"training/stargan/x/generated/fear/{row['face_id']}.png",
            "generator_run": "stargan/x",
            "generator_folds": unseen,
            "target_emotion": "fear",
        }
        for row in store.read_faces(workspace).to_pylist()
    ]
    store.write_table(workspace.generated / "stargan-x.parquet", FACES, FACES.table(made).sort_by("face_id"))
    return workspace


def select(workspace: Workspace, **options: Any) -> Faces:
    chosen: dict[str, Any] = {
        "modality": "visible",
        "test_folds": [0],
        "needs_emotion": True,
        "needs_va": False,
    } | options
    return select_faces(workspace, generated=["stargan/x"], **chosen)


def test_they_are_trained_on_as_what_they_were_generated_to_show(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0])
    faces = select(workspace)
    alone = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    added = [row for row in faces.table.to_pylist() if row["parent_id"]]
    tested = alone.table["subject_id"].take(alone.rows("test")).to_pylist()
    assert len(added) == len(alone.rows("train"))
    assert {row["emotion"] for row in added} == {"fear"}
    assert len(faces.rows("test")) == len(alone.rows("test"))
    assert not {row["subject_id"] for row in added} & set(tested)
    assert faces.fingerprint() != alone.fingerprint()


def test_none_is_validated_on_and_nobody_who_is_has_one(tmp_path: Path) -> None:
    faces = select(write(tmp_path, unseen=[0]), val_share=0.4)
    parents = np.array([bool(name) for name in faces.table["parent_id"].to_pylist()])
    people = np.array(faces.table["subject_id"].to_pylist())
    validated = set(people[faces.rows("val")])
    assert validated
    assert not parents[faces.rows("val")].any()
    assert parents[faces.rows("train")].any()
    assert not set(people[faces.rows("train")]) & validated


@pytest.mark.parametrize("unseen", [[1], []])
def test_a_generator_that_has_seen_the_test_fold_is_refused(tmp_path: Path, unseen: list[int]) -> None:
    workspace = write(tmp_path, unseen=unseen)
    words = "was trained on fold 0, which is held out here.*, or allow it with `allow_leaks=True`"
    with pytest.raises(CheckFailed, match=words):
        select(workspace)


def test_one_that_held_out_more_is_welcome(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0, 1])
    assert any(select(workspace).table["parent_id"].to_pylist())
    with pytest.raises(CheckFailed, match="fold 2"):
        select(workspace, test_folds=[0, 2])


def test_a_declared_leak_is_let_through_and_held_out_people_stay_out(tmp_path: Path) -> None:
    faces = select(write(tmp_path, unseen=[1]), allow_leaks=True)
    added = [row for row in faces.table.to_pylist() if row["parent_id"]]
    tested = set(faces.table["subject_id"].take(faces.rows("test")).to_pylist())
    assert added
    assert not {row["subject_id"] for row in added} & tested


def choose(folder: Path, names: list[str]) -> None:
    """Write a selection of generated faces."""
    rows = [
        {"real_id": name, "rank": 0, "face_id": name, "generator_run": "stargan/x", "path": name, "distance": 0.0}
        for name in names
    ]
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SELECTION), folder / SELECTION_NAME)


def added_by(workspace: Workspace, *names: str) -> list[str]:
    options: dict[str, Any] = {"modality": "visible", "needs_emotion": True, "needs_va": False}
    table = select_faces(workspace, generated=names, **options).table
    return [row["face_id"] for row in table.to_pylist() if row["parent_id"]]


@pytest.mark.parametrize("place", ["training/experiments/x/near.fold-0", "elsewhere"])
def test_a_selection_limits_the_faces_and_each_counts_once(tmp_path: Path, place: str) -> None:
    workspace = write(tmp_path, unseen=[0])
    everything = added_by(workspace, "stargan/x")
    chosen = everything[2:5]
    choose(tmp_path / place, [*chosen, *chosen[:2]])
    name = place.removeprefix("training/")
    assert added_by(workspace, name) == chosen
    assert added_by(workspace, name, "stargan/x", name) == everything
    assert added_by(workspace, str(tmp_path / place)) == chosen


def test_held_out_people_and_leaky_generators_are_no_better_when_selected(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0])
    rows = store.read_faces(workspace).to_pylist()
    tested = [row["face_id"][::-1] for row in rows if row["fold"] == 0]
    choose(tmp_path / "tested", tested)
    with pytest.raises(InputError, match="tested has generated no visible faces of training people"):
        added_by(workspace, "tested")
    leaky = write(tmp_path / "leaky", unseen=[1])
    choose(leaky.root / "near", [row["face_id"][::-1] for row in rows])
    with pytest.raises(CheckFailed, match="was trained on fold 0"):
        added_by(leaky, "near")


def test_a_selection_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0])
    choose(tmp_path / "gone", ["nothing"])
    with pytest.raises(InputError, match="1 of 1 faces that gone selects are no longer among the generated faces of"):
        added_by(workspace, "gone")
    pq.write_table(pa.table({"face_id": ["x"]}), tmp_path / "gone" / SELECTION_NAME)
    with pytest.raises(SchemaError, match="is no selection of this version"):
        added_by(workspace, "gone")
    (tmp_path / "gone" / SELECTION_NAME).write_bytes(b"no table")
    with pytest.raises(SchemaError, match="select again"):
        added_by(workspace, "gone")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0], modality="thermal")
    with pytest.raises(InputError, match="generated no visible faces"):
        select(workspace)
    (workspace.generated / "stargan-x.parquet").unlink()
    with pytest.raises(InputError, match="has generated no faces"):
        select(workspace)
