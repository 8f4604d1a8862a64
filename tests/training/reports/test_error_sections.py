"""The error gallery: most confident first, missing crops left out, names from outside escaped."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.evaluation.predictions import make_predictions, write_predictions
from fertools.training.jobs.train import train
from fertools.training.reports.error_sections import error_gallery_section
from tests.training.blobs import blob_rows, write_blobs


def shown(workspace: Workspace, sure: list[float]) -> list[str]:
    """Return the captions where each face is read as the next expression, so surely; the first face is read rightly."""
    table = store.read_faces(workspace)
    shares = np.full((len(table), len(EMOTIONS)), 0.0)
    for row, (emotion, confidence) in enumerate(zip(table["emotion"].to_pylist(), sure, strict=True)):
        shares[row] = (1 - confidence) / (len(EMOTIONS) - 1)
        shares[row, (EMOTIONS.index(emotion) + (row > 0)) % len(EMOTIONS)] = confidence
    path = workspace.root / "predictions.parquet"
    write_predictions(path, make_predictions(table, table, classes=EMOTIONS, probabilities=shares))
    return re.findall(r"<figcaption>(.*?)</figcaption>", "".join(error_gallery_section(workspace, path)))


def test_the_surest_errors_come_first_with_their_crops(tmp_path: Path) -> None:
    rows = blob_rows(5, takes=1, subject_id="<b>")
    workspace = write_blobs(tmp_path, rows)
    sure = [0.95 - 0.01 * row for row in range(len(rows))]
    captions = shown(workspace, sure)
    table = store.read_faces(workspace)
    assert len(captions) == 24, "of 34 wrong ones"
    for place, caption in enumerate(captions):
        emotion = table["emotion"][place + 1].as_py()
        said = EMOTIONS[(EMOTIONS.index(emotion) + 1) % len(EMOTIONS)]
        assert caption == f"<b>{emotion}</b><br>predicted {said}, {sure[place + 1]:.0%}<br>&lt;b&gt;"
    for place in (1, 2):
        (workspace.root / table["path"][place].as_py()).unlink()
    assert shown(workspace, sure) == captions[2:], "gone"


def test_nothing_is_shown_where_there_is_nothing(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    assert list(error_gallery_section(workspace, tmp_path / "none.parquet")) == []
    table = store.read_faces(workspace)
    right = np.eye(len(EMOTIONS))[[EMOTIONS.index(name) for name in table["emotion"].to_pylist()]]
    path = tmp_path / "right.parquet"
    write_predictions(path, make_predictions(table, table, classes=EMOTIONS, probabilities=right))
    assert list(error_gallery_section(workspace, path)) == []


def test_a_classifiers_page_has_it_beside_what_chose_its_state(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    result = train(workspace, "classifier", preset="smoke", overrides=("val_share=0.3",), device="cpu")
    page = result.report.read_text(encoding="utf-8")
    for words in ("Most confident errors", "data:image/jpeg;base64,", "Checkpoint selection", "gradient/network"):
        assert words in page, words
    assert "http" not in page
