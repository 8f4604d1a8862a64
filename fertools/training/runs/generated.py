"""Generated faces on the disk: their images, and one manifest per run with the parent of each face.

The expression that a generated face really shows is not known, so `emotion` is null. `target_emotion` has the target.
The identifier of a generated face follows from its parent, its run and its target. So generating it again changes
nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.training.data.faces import Faces, Pixels
from fertools.training.systems.base import Translation

_INHERITED = (
    "source_id",
    "dataset",
    "pair_id",
    "sequence_id",
    "licence",
    "template",
    "status",
    "subject_id",
    "subject_origin",
    "subject_confidence",
    "fold",
    "split",
)
"""Columns that a generated face inherits from its parent."""


def generated_path(workspace: Workspace, system: str, run: str) -> Path:
    """Return the path of the manifest of a run's generated faces."""
    return workspace.generated / f"{system}-{run}.parquet"


def generated_id(parent_id: str, run: str, words: str) -> str:
    """Return the identifier of a generated face.

    Args:
        parent_id: `face_id` of its parent.
        run: name of the run, as `SYSTEM/RUN`.
        words: name of the translation.
    """
    return hash_bytes(parent_id.encode(), run.encode(), words.encode())


def picture_path(folder: Path, words: str, parent_id: str) -> Path:
    """Return the path of the image of a generated face.

    Args:
        folder: folder of the run's images.
        words: name of the translation.
        parent_id: `face_id` of the parent.
    """
    return folder / slug(words) / f"{parent_id}.png"


def write_pictures(
    folder: Path, translation: Translation, faces: Faces, rows: NDArray[np.int64], pixels: Pixels
) -> None:
    """Write the images of generated faces; `list_generated` flushes them to the disk.

    Args:
        folder: folder of the run's images.
        translation: the translation that generated them.
        faces: all faces of the source domain.
        rows: row numbers of the N translated faces.
        pixels: generated images, NxSxSx3 uint8 RGB.
    """
    names = faces.table["face_id"]
    for row, picture in zip(rows.tolist(), pixels, strict=True):
        coded = cv2.imencode(".png", picture[..., ::-1])[1]
        files.write_bytes(picture_path(folder, translation.name, names[row].as_py()), coded.tobytes(), flush=False)


def list_generated(
    workspace: Workspace,
    faces: Faces,
    rows: NDArray[np.int64],
    translations: Sequence[Translation],
    *,
    modality: str,
    folder: Path,
    system: str,
    run: str,
    size_px: int,
    generator_folds: Sequence[int] | None,
) -> Path | None:
    """Add generated faces to the manifest of their run; rows with the same identifier are replaced.

    Args:
        workspace: workspace with the manifest.
        faces: all faces of the source domain.
        rows: row numbers of the translated faces.
        translations: translations with the same source and target domain.
        modality: modality of the target domain.
        folder: folder of the images.
        system: name of the system.
        run: name of the run.
        size_px: side of the images.
        generator_folds: folds that the generator was not trained on; None where the manifest has no folds.

    Returns:
        The path of the manifest. None if the targets are valence and arousal alone: the schema has no column for them.
    """
    translations = [
        translation for translation in translations if translation.emotion is not None or translation.keeps_emotion
    ]
    if not translations:
        return None
    name = f"{system}/{run}"

    def row_of(parent: dict[str, Any], translation: Translation) -> dict[str, Any]:
        return {column: parent[column] for column in _INHERITED} | {
            "face_id": generated_id(parent["face_id"], name, translation.name),
            "modality": modality,
            "interpolated": False,
            "path": workspace.name_of(picture_path(folder, translation.name, parent["face_id"])),
            "size_px": size_px,
            "matrix": _scaled(parent["matrix"], parent["size_px"], size_px),
            "parent_id": parent["face_id"],
            "generator_run": name,
            "generator_folds": None if generator_folds is None else list(generator_folds),
            "target_emotion": parent["emotion"] if translation.keeps_emotion else translation.emotion,
        }

    new_rows = [
        row_of(parent, translation)
        for parent in nested.take(faces.table, rows).to_pylist()
        for translation in translations
    ]
    path, table = generated_path(workspace, system, run), FACES.table(new_rows)
    if path.is_file():
        kept = store.read_table(path, FACES)
        kept = nested.keep(kept, pc.invert(pc.is_in(kept["face_id"], value_set=table["face_id"].combine_chunks())))
        table = pa.concat_tables([kept, table])
    # The images must be on the disk before a table lists them.
    os.sync()
    store.write_table(path, FACES, nested.in_order(table, "face_id"))
    return path


def slug(words: str) -> str:
    """Return text as a file name.

    Example:
        >>> slug("v -0.8 a +0.0")
        'v-0.8_a+0.0'
    """
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", re.sub(r" (?=[+-])", "", words))


def _scaled(matrix: list[list[float]] | None, was_px: int | None, now_px: int) -> list[list[float]] | None:
    """Return the source-to-crop transform of a resized crop; pixel centres have whole coordinates."""
    if matrix is None or was_px is None:
        return None
    factor = now_px / was_px
    return [[factor * a, factor * b, factor * c + (factor - 1) / 2] for a, b, c in matrix]
