"""A model's predictions for a workspace: suggestions for raters, and labels only on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import fertools
from fertools.annotations.catalogue import Catalogue
from fertools.annotations.circumplex import load_points
from fertools.annotations.suggestions import read_suggestions
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.training.data.pixel_cache import read_crop
from fertools.training.recipes.view import View
from fertools.training.runs.public_model import cut_again
from tests.training.blobs import blob_rows, write_blobs
from tests.training.keras_file import write_model


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two people, of whom one has labels."""
    rows = blob_rows(subjects=2)
    for row in rows[: len(rows) // 2]:
        row["emotion"], row["emotion_origin"] = None, None
    write_model(tmp_path / "model.h5", seed=2)
    return write_blobs(tmp_path / "data", rows)


def test_labels_are_filled_where_there_are_none_and_say_whose_they_are(workspace: Workspace, tmp_path: Path) -> None:
    model = str(tmp_path / "model.h5")
    before = store.read_faces(workspace)
    empty = pc.is_null(before["emotion"])
    found = fertools.fill_emotion(workspace, model, device="cpu")
    assert found.filled == found.faces == sum(found.by_emotion.values()) == pc.sum(empty).as_py() > 0
    after = store.read_faces(workspace)
    assert after.filter(pc.invert(empty)).equals(before.filter(pc.invert(empty)))
    assert set(after.filter(empty)["emotion_origin"].to_pylist()) == {"model"}
    assert fertools.fill_emotion(workspace, model, device="cpu").filled == 0
    assert store.read_faces(workspace).equals(after)
    # Another threshold with overwrite takes the labels of the model back, and no others.
    none = fertools.fill_emotion(workspace, model, least=1.0, overwrite=True, device="cpu")
    assert (none.filled, none.below) == (0, found.faces)
    assert store.read_faces(workspace).equals(before)
    with pytest.raises(fertools.InputError, match="from 0 to 1"):
        fertools.fill_emotion(workspace, model, least=2)


def test_suggestions_are_the_mean_of_the_usual_points(workspace: Workspace, tmp_path: Path) -> None:
    model = fertools.load_model(tmp_path / "model.h5", device="cpu")
    path = fertools.write_suggestions(workspace, model)
    before = workspace.manifest.read_bytes()
    table = pq.read_table(path).to_pandas().set_index("face_id")
    store.write_table(workspace.sources, SOURCES, SOURCES.table([]))
    catalogue = Catalogue(workspace)
    assert np.isfinite(read_suggestions(path, catalogue).points).all()
    faces = store.read_faces(workspace, ["face_id", "path"]).to_pylist()
    assert len(table) == len(faces)
    usual = load_points()
    # The crops are of the template `loose`, so the model cuts its own out of them.
    crop = cut_again(read_crop(workspace.root / faces[0]["path"], 72)[None], "loose", View(72), model.info.crop)
    shares = model.predict(crop[0], aligned=True).probabilities
    expected = sum(shares[0, place] * usual[name].valence for place, name in enumerate(model.classes))
    assert table["valence"][faces[0]["face_id"]] == pytest.approx(expected, abs=1e-5)
    assert workspace.manifest.read_bytes() == before, "suggestions are no labels"
