"""Generated faces as training faces: labelled by their target, and never of people who are held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import CheckFailed, InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces, select_faces
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
    with pytest.raises(CheckFailed, match="was trained on fold 0, which is held out here"):
        select(workspace)


def test_one_that_held_out_more_is_welcome(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0, 1])
    assert any(select(workspace).table["parent_id"].to_pylist())
    with pytest.raises(CheckFailed, match="fold 2"):
        select(workspace, test_folds=[0, 2])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    workspace = write(tmp_path, unseen=[0], modality="thermal")
    with pytest.raises(InputError, match="generated no visible faces"):
        select(workspace)
    (workspace.generated / "stargan-x.parquet").unlink()
    with pytest.raises(InputError, match="has generated no faces"):
        select(workspace)
