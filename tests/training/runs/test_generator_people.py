"""Generated faces whose generator learned from test people, and predictions for people that a run learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.splits.audit.audit_table import from_workspace
from fertools.training.evaluation.out_of_fold import find_out_of_fold
from fertools.training.evaluation.predictions import make_predictions, write_predictions
from fertools.training.runs.generator_people import find_generator_leaks
from tests.training.blobs import blob_rows, write_blobs
from tests.transfer.forgetting import make_run


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_blobs(tmp_path)


def _generate(workspace: Workspace, run: str, folds: list[int]) -> None:
    row = {name: value for name, value in blob_rows()[0].items() if not name.startswith("_")}
    made = row | {"face_id": "0" * 32, "parent_id": row["face_id"], "emotion": None, "emotion_origin": None}
    made |= {"generator_run": run, "generator_folds": folds}
    store.write_table(workspace.generated / f"{run.replace('/', '-')}.parquet", FACES, FACES.table([made]))


def test_a_generator_that_learned_from_a_fold_it_is_said_not_to_know_is_a_leak(workspace: Workspace) -> None:
    make_run(workspace, "clean", ["p02", "p03"])
    make_run(workspace, "leaky", ["p01", "p02", "p03"])
    _generate(workspace, "classifier/clean", [0, 1])
    assert list(find_generator_leaks(workspace)) == []
    _generate(workspace, "classifier/leaky", [0, 1])
    (found,) = find_generator_leaks(workspace)
    assert (found.kind, found.severity) == ("generator-saw-test", "leak")
    assert "classifier/leaky" in found.message
    assert "1 person of fold 1" in found.message
    assert "p01" in found.message


def _predict(workspace: Workspace, name: str, people: list[str], classes: tuple[str, ...], first: float) -> None:
    folder = make_run(workspace, name, people)
    faces = store.read_faces(workspace)
    probabilities = np.tile([first, 1 - first], (len(faces), 1))
    made = make_predictions(faces, faces, classes=classes, probabilities=probabilities)
    write_predictions(folder.predictions_path(), made)


def test_predictions_count_for_people_only_that_their_run_did_not_learn_from(workspace: Workspace) -> None:
    table = from_workspace(workspace)
    assert find_out_of_fold(workspace, table) == (None, ())
    classes = ("anger", "fear")
    face = store.read_faces(workspace, ["face_id"], [("subject_id", "=", "p03")])["face_id"][0].as_py()
    _predict(workspace, "one", ["p00", "p01"], classes, 0.9)
    # This one learned from a person whom nobody knew by name then, so its lineage has the face.
    _predict(workspace, "two", ["p00", "p02", face], classes, 0.7)
    _predict(workspace, "other", ["p00", "p01", "p02"], ("anger", "joy"), 0.1)
    make_run(workspace, "damaged", ["p00"]).predictions_path().write_bytes(b"damaged")
    found, unread = find_out_of_fold(workspace, table)
    assert found is not None
    assert (found.classes, found.runs) == (classes, ("classifier/one", "classifier/two"))
    assert len(unread) == 1
    assert "classifier/damaged" in unread[0]
    expected = {"p00": np.nan, "p01": 0.7, "p02": 0.9, "p03": 0.8}
    for row in range(len(table)):
        value = 0.9 if table.name(row) == face else expected[table.column("subject")[row]]
        assert found.probabilities[row, 0] == pytest.approx(value, nan_ok=True, abs=1e-6)
