from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core import workspace as folder
from fertools.core.errors import InputError
from fertools.manifests.dataset_workspace import Workspace
from tests.manifests.rows import build, face, faces_of


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rows = [
        face("a", emotion="anger", emotion_origin="folder", fold=0),
        face("b", emotion="fear", emotion_origin="folder", fold=1, subject_id="ben", subject_origin="person"),
        face("c", landmarks=None, dataset=None, frame_index=None, fold=2),
        face("d", modality="thermal", status="rejected", reason="blurred", subject_id=None, subject_origin=None),
    ]
    return Workspace(build(tmp_path, rows))


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ({}, "abcd"),
        ({"emotion": "anger"}, "a"),
        ({"emotion": ["anger", "fear"]}, "ab"),
        ({"emotion": "surprise"}, ""),
        ({"modality": "thermal"}, "d"),
        ({"dataset": "made"}, "abd"),
        ({"subject": "ben"}, "b"),
        ({"fold": 0}, "a"),
        ({"fold": (0, 2)}, "ac"),
        ({"split": "test"}, ""),
        ({"status": "kept", "fold": range(1, 3)}, "bc"),
    ],
)
def test_faces_are_selected_by_all_of_some_conditions(
    workspace: Workspace, conditions: dict[str, Any], names: str
) -> None:
    found = workspace.faces(**conditions)
    expected = sorted(face(name)["face_id"] for name in names)
    assert found.to_arrow()["face_id"].to_pylist() == expected
    assert len(found) == len(names)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"emotion": "angry"}, "emotion` is 'angry'; choose among anger, "),
        ({"status": "good"}, "kept, rejected"),
        ({"fold": "0"}, "number of a fold"),
    ],
)
def test_a_value_that_no_face_can_have_is_refused(
    workspace: Workspace, conditions: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        workspace.faces(**conditions)


def test_pandas_keeps_nulls_and_whole_numbers(workspace: Workspace) -> None:
    df = workspace.faces().to_pandas().set_index("face_id")
    rows = faces_of(workspace)
    for name in ("dataset", "emotion", "subject_id", "reason", "split"):
        for key, value in df[name].items():
            assert value is None or isinstance(value, str)
            assert value == rows[str(key)][name]
    assert str(df["fold"].dtype) == "Int32"
    assert df["fold"].isna().sum() == 1
    assert df["det_score"].dtype == np.float32
    assert df["landmarks"].isna().sum() == 1
    assert df.loc[face("a")["face_id"], "landmarks"] == face("a")["landmarks"]


def test_landmarks_come_as_an_array_on_request(workspace: Workspace) -> None:
    found = workspace.faces()
    stacked = np.stack(list(found.to_pandas(landmarks="array")["landmarks"]))
    assert stacked.shape == (4, 5, 2)
    assert stacked.dtype == np.float32
    np.testing.assert_array_equal(stacked, found.landmarks)
    place = found.to_arrow()["face_id"].to_pylist().index(face("c")["face_id"])
    assert np.isnan(stacked[place]).all()
    np.testing.assert_array_equal(stacked[place - 1], face("a")["landmarks"])
    with pytest.raises(InputError, match="lists or array"):
        found.to_pandas(landmarks="points")  # type: ignore[arg-type]
    assert workspace.faces(emotion="surprise").landmarks.shape == (0, 5, 2)


def test_a_notebook_shows_a_selection(workspace: Workspace) -> None:
    shown = workspace.faces(emotion="anger")._repr_html_()
    assert "1 face<" in shown
    assert face("a")["face_id"] in shown
    assert "<td>3</td>" in workspace._repr_html_()
    assert "workspace" in Workspace(workspace.root / "nothing")._repr_html_()


def test_it_is_the_same_workspace_as_that_of_the_core(workspace: Workspace) -> None:
    other = folder.Workspace(workspace)
    assert other == workspace
    assert hash(other) == hash(workspace)
    assert type(other) is folder.Workspace
    assert workspace != Workspace(workspace.root / "other")
    with pytest.raises(InputError, match="ingest"):
        Workspace(workspace.root / "other").faces()
