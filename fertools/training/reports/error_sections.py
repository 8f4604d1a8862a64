"""The error gallery of a report: misclassified faces with the highest confidence."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.training.data.pixel_cache import read_crop
from fertools.training.evaluation.predictions import Predictions, read_predictions
from fertools.training.reports.html import escape

_SHOWN, _SIDE_PX, _QUALITY = 24, 96, 80


def error_gallery_section(workspace: Workspace, path: Path) -> Iterator[str]:
    """Yield the misclassified held-out faces with the highest confidence; nothing without labelled predictions.

    Args:
        workspace: whose crops to show; a missing crop is left out.
        path: path of the predictions.
    """
    if not path.is_file():
        return
    predictions = read_predictions(path)
    labels = predictions.labels()
    if not len(labels) or not predictions.classes or (labels < 0).all():
        return
    probabilities = predictions.probabilities()
    decided, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero((labels >= 0) & (decided != labels))
    if not len(wrong):
        return
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:_SHOWN]
    cells = [
        _cell(picture, predictions, int(row), int(decided[row]), float(sure[row]))
        for row, picture in zip(worst.tolist(), _pictures(workspace, predictions, worst.tolist()), strict=True)
        if picture
    ]
    if not cells:
        return
    yield "<h2>Most confident errors</h2>"
    yield (
        f"<p>{len(wrong):,} held-out faces are misclassified. These have the highest confidence. Check their labels "
        "first.</p>"
    )
    yield f'<div class="gallery">{"".join(cells)}</div>'


def _cell(picture: bytes, predictions: Predictions, row: int, decided: int, sure: float) -> str:
    true, predicted = predictions.table["emotion"][row].as_py(), predictions.classes[decided]
    whose = predictions.table["subject_id"][row].as_py() or "unknown person"
    coded = base64.b64encode(picture).decode("ascii")
    words = f"{whose}: labelled {true}, predicted {predicted}"
    return (
        f'<figure><img alt="{escape(words).replace(chr(34), "&quot;")}" width="{_SIDE_PX}" height="{_SIDE_PX}" '
        f'src="data:image/jpeg;base64,{coded}"><figcaption><b>{escape(true)}</b><br>predicted {escape(predicted)}, '
        f"{sure:.0%}<br>{escape(whose)}</figcaption></figure>"
    )


def _pictures(workspace: Workspace, predictions: Predictions, rows: list[int]) -> list[bytes]:
    """Return small JPEGs of some faces; nothing for one that is not there any more."""
    wanted = [predictions.table["face_id"][row].as_py() for row in rows]
    if not workspace.manifest.is_file():
        return [b""] * len(rows)
    table = store.read_faces(workspace, ("face_id", "path"), [("face_id", "in", wanted)])
    paths = dict(zip(table["face_id"].to_pylist(), table["path"].to_pylist(), strict=True))
    return [_picture(workspace.root / paths[name]) if paths.get(name) else b"" for name in wanted]


def _picture(path: Path) -> bytes:
    try:
        pixels = read_crop(path, _SIDE_PX)
    except InputError:
        return b""
    coded: bytes = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return coded
