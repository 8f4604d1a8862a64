from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fertools.annotations.catalogue import Catalogue
from fertools.annotations.circumplex import load_points
from fertools.annotations.suggestions import prior_points, read_suggestions
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from tests.annotations.rating_events import face_id, rating_workspace
from tests.manifests.rows import build, face


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(rating_workspace(tmp_path, faces=84))


def test_the_prior_follows_each_faces_expression(catalogue: Catalogue) -> None:
    points = prior_points(catalogue, load_points())
    fear = load_points()["fear"]
    row = catalogue.row_of[face_id(EMOTIONS.index("fear"))]
    assert points[row].tolist() == [fear.valence, fear.arousal]


def test_a_face_without_a_label_has_no_prior(tmp_path: Path) -> None:
    catalogue = Catalogue(build(tmp_path, [face("a"), face("b", frame=1, emotion="contempt", emotion_origin="folder")]))
    points = prior_points(catalogue, load_points())
    assert np.isnan(points).all()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_models_predictions_are_read(catalogue: Catalogue, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".csv":
        path.write_text(f"face_id,valence,arousal\n{face_id(3)},0.5,-0.25\n")
    else:
        pq.write_table(pa.table({"face_id": [face_id(3)], "valence": [0.5], "arousal": [-0.25]}), path)
    suggestions = read_suggestions(path, catalogue)
    assert suggestions.origin == path.name
    assert suggestions.points[catalogue.row_of[face_id(3)]].tolist() == [0.5, -0.25]
    assert np.isfinite(suggestions.points).all(axis=1).sum() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("face_id,valence,arousal\nnobody,0,0\n", r"model.csv:2: there is no face 'nobody'"),
        (f"face_id,valence,arousal\n{face_id(0)},0,0\n{face_id(1)},1.5,0\n", r"model.csv:3: .* not both in"),
        (f"face_id,valence,arousal\n{face_id(0)},much,0\n", r"model.csv:2: .* not both in"),
        (f"face_id,valence\n{face_id(0)},0\n", "no column arousal"),
    ],
)
def test_predictions_that_cannot_be_used(catalogue: Catalogue, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "model.csv").write_text(content)
    with pytest.raises(InputError, match=words):
        read_suggestions(tmp_path / "model.csv", catalogue)


@pytest.mark.parametrize("content", [b"no parquet", None])
def test_tables_that_cannot_be_read(catalogue: Catalogue, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"Parquet|No such file"):
        read_suggestions(tmp_path / "model.parquet", catalogue)
    pq.write_table(pa.table({"face_id": ["a"]}), tmp_path / "model.parquet")
    with pytest.raises(InputError, match="valence"):
        read_suggestions(tmp_path / "model.parquet", catalogue)
