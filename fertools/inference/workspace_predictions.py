"""Predictions of a model for the faces of a workspace: suggestions for raters, and labels on request."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.annotations.circumplex import load_points
from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.centring import CENTRED
from fertools.inference.model import Model, open_model
from fertools.inference.pictures import Rgb
from fertools.manifests import nested, store
from fertools.manifests.change import changing
from fertools.manifests.schema import FACES
from fertools.training.data.pixel_cache import read_crop
from fertools.training.recipes.view import View
from fertools.training.runs.artefact import Crop
from fertools.training.runs.public_model import cut_again

ORIGIN = "model"
"""`emotion_origin` of labels that a model has predicted."""
_BATCH = 256
_COLUMNS = ("face_id", "path", "template", "size_px", "emotion", "emotion_origin")


@dataclass(frozen=True)
class ModelLabels:
    """The result of `fill_emotion`.

    Attributes:
        faces: number of kept faces without a label before.
        filled: number of faces that got one.
        by_emotion: number of filled faces per expression.
        below: number of faces left empty because the probability of their expression is below the given one.
    """

    faces: int
    filled: int
    by_emotion: dict[str, int]
    below: int


def write_suggestions(
    workspace: WorkspaceLike,
    model: Model | str | Path = "public",
    *,
    device: str = "auto",
    report: Reporter | None = None,
) -> Path:
    """Write a table of suggestions for the rating page, with a row for each kept face, and return its path.

    Valence and arousal are those of the model. For a model of expressions alone they are the mean of the usual points
    of the expressions (`annotations/circumplex.toml`), weighted by their probabilities.

    Args:
        workspace: workspace with the faces.
        model: a public model such as `public`, a run as `SYSTEM/RUN`, a model file, or an opened model.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: reporter of progress.

    Raises:
        InputError: there is no such model, it predicts nothing, or a crop cannot be read.
        StorageError: the disk is full.
    """
    workspace = Workspace(workspace)
    opened = open_model(model, workspace, device)
    opened.require_predictions()
    rows = _kept(workspace)
    shares, points = _predict_all(workspace, opened, rows, report or Silent())
    if not points.shape[1]:
        usual = load_points(workspace.root)
        known = [place for place, name in enumerate(opened.classes) if name in usual]
        if not known:
            raise InputError(f"none of the expressions of {opened.path} has a point in annotations/circumplex.toml")
        table = np.array(
            [[usual[opened.classes[place]].valence, usual[opened.classes[place]].arousal] for place in known]
        )
        weights = shares[:, known] / shares[:, known].sum(axis=1, keepdims=True)
        points = (weights @ table).astype(np.float32)
    named = model if isinstance(model, str) else opened.path.stem
    path = workspace.root / "annotations" / "suggestions" / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', str(named))}.parquet"
    columns = {"face_id": rows["face_id"], "valence": pa.array(points[:, 0]), "arousal": pa.array(points[:, 1])}
    with files.replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    return path


def fill_emotion(
    workspace: WorkspaceLike,
    model: Model | str | Path = "public",
    *,
    least: float = 0.0,
    overwrite: bool = False,
    device: str = "auto",
    report: Reporter | None = None,
) -> ModelLabels:
    """Give every kept face without an expression the one that a model predicts, with `emotion_origin = model`.

    Labels of people, folders and files are never changed. A second call does nothing.

    Args:
        workspace: workspace with the faces.
        model: a public model such as `public`, a run as `SYSTEM/RUN`, a model file, or an opened model.
        least: smallest probability of an expression that becomes a label, 0 to 1.
        overwrite: remove earlier labels of a model first.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        report: reporter of progress.

    Raises:
        InputError: there is no such model or manifest, the model predicts no expressions, `least` is out of range, or
            a crop cannot be read.
        StorageError: the disk is full.
    """
    workspace = Workspace(workspace)
    if not 0 <= least <= 1:
        raise InputError(f"{argument('least')} is {least}; give a probability from 0 to 1")
    opened = open_model(model, workspace, device)
    if not opened.classes:
        raise InputError(f"{opened.path} predicts no expressions; give a model that does, such as public")
    # Predicted before the manifest is locked, which takes long; labels that came in between stay.
    kept = _kept(workspace)
    rows = nested.keep(kept, _lacks_label(kept, overwrite=overwrite))
    shares, _ = _predict_all(workspace, opened, rows, report or Silent())
    best = zip(rows["face_id"].to_pylist(), shares.argmax(axis=1), shares.max(axis=1), strict=True)
    chosen = {face: opened.classes[place] for face, place, share in best if share >= least}
    with changing(workspace, "labelling with a model") as faces:
        lacking = _lacks_label(faces, overwrite=overwrite)
        filled = Counter[str]()
        columns: dict[str, Any] = {"emotion": [], "emotion_origin": []}
        old = (faces[name].to_pylist() for name in ("face_id", *columns))
        for face, emotion, origin, lacks in zip(*old, lacking, strict=True):
            new = chosen.get(face) if lacks else None
            filled.update([new] if new else [])
            stays = not lacks or (origin == ORIGIN and not overwrite)
            columns["emotion"].append(new or (emotion if stays else None))
            columns["emotion_origin"].append(ORIGIN if new else origin if stays else None)
        after = store.replace_columns(faces, columns)
        if not after.equals(faces):
            store.write_table(workspace.manifest, FACES, after)
    by_emotion = {name: filled[name] for name in opened.classes if filled[name]}
    return ModelLabels(len(rows), filled.total(), by_emotion, len(rows) - len(chosen))


def _kept(workspace: Workspace) -> pa.Table:
    return store.read_faces(workspace, _COLUMNS, [("status", "=", "kept")])


def _lacks_label(faces: pa.Table, *, overwrite: bool) -> NDArray[np.bool_]:
    """Return which faces have no expression, or with `overwrite` none but that of a model."""
    lacking = pc.is_null(faces["emotion"])
    if overwrite:
        lacking = pc.or_(lacking, pc.fill_null(pc.equal(faces["emotion_origin"], ORIGIN), False))
    return np.asarray(lacking.to_numpy(), np.bool_)


def _predict_all(
    workspace: Workspace, model: Model, rows: pa.Table, report: Reporter
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return N x C probabilities, and N x 2 valence and arousal or N x 0, of N rows of the manifest."""
    shares = [np.empty((0, len(model.classes)), np.float32)]
    points = [np.empty((0, 2 * model.predicts_va), np.float32)]
    listed = rows.select(["path", "template", "size_px"]).to_pylist()
    report.start(len(listed))
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(listed), _BATCH):
            crops = list(pool.map(lambda row: _own_crop(workspace, model, row), listed[start : start + _BATCH]))
            found = model.predict(crops, aligned=True)
            shares.append(found.probabilities)
            points.append(found.valence_arousal)
            report.advance(start + len(crops))
    return np.concatenate(shares), np.concatenate(points)


def _own_crop(workspace: Workspace, model: Model, row: dict[str, Any]) -> Rgb:
    """Return the crop that the model expects, cut out of a crop of the workspace."""
    expected, size_px = model.info.crop, row["size_px"]
    pixels = read_crop(workspace.path_of(row["path"]), size_px)
    name = row["template"] or CENTRED
    if name in (expected.template, CENTRED) or expected.template == CENTRED:
        return pixels
    whole = Crop(expected.template, expected.aligned_px, expected.aligned_px, expected.fill)
    cut: Rgb = cut_again(pixels[None], name, View(size_px), whole)[0]
    return cut
