"""The part of a report that shows where a classifier errs: the faces that it is surest of and wrong about."""

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
    """Yield the held-out faces that a classifier is surest of and wrong about; nothing where it has made no decision.

    Args:
        workspace: whose crops are shown; a crop that is gone is left out.
        path: of the predictions.
    """
    if not path.is_file():
        return
    predictions = read_predictions(path)
    labels = predictions.labels()
    if not len(labels) or not predictions.classes or (labels < 0).all():
        return
    shares = predictions.probabilities()
    decided, sure = shares.argmax(axis=1), shares.max(axis=1)
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
    yield "<h2>The surest errors</h2>"
    yield (
        f"<p>Of {len(wrong):,} wrong decisions on held-out faces, those made with the most confidence. Look first "
        "whether the label is right.</p>"
    )
    yield f'<div class="gallery">{"".join(cells)}</div>'


def _cell(picture: bytes, predictions: Predictions, row: int, decided: int, sure: float) -> str:
    true, said = predictions.table["emotion"][row].as_py(), predictions.classes[decided]
    whose = predictions.table["subject_id"][row].as_py() or "unknown person"
    coded = base64.b64encode(picture).decode("ascii")
    words = f"{whose}: labelled {true}, read as {said}"
    return (
        f'<figure><img alt="{escape(words).replace(chr(34), "&quot;")}" width="{_SIDE_PX}" height="{_SIDE_PX}" '
        f'src="data:image/jpeg;base64,{coded}"><figcaption><b>{escape(true)}</b><br>read as {escape(said)}, '
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
