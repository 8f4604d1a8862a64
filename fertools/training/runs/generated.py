"""Made faces on the disk: their pictures, and one manifest per run in which each names its parent.

What a made face shows is not known, so `emotion` stays null; what it was asked to show is `target_emotion`. The
identifier of a made face follows from its parent, its run and what was asked for, so that making it again changes
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
    "licence",
    "template",
    "status",
    "subject_id",
    "subject_origin",
    "subject_confidence",
    "fold",
    "split",
)
"""What a made face has from its parent."""


def generated_path(workspace: Workspace, system: str, run: str) -> Path:
    """Return where the manifest of a run's pictures lies."""
    return workspace.generated / f"{system}-{run}.parquet"


def generated_id(parent_id: str, run: str, words: str) -> str:
    """Return the identifier of a made face.

    Args:
        parent_id: identifier of the face that it was made of.
        run: `SYSTEM/RUN`.
        words: what was asked for.
    """
    return hash_bytes(parent_id.encode(), run.encode(), words.encode())


def picture_path(folder: Path, words: str, parent_id: str) -> Path:
    """Return where the picture of a made face lies in the folder of a run's pictures."""
    return folder / slug(words) / f"{parent_id}.png"


def write_pictures(
    folder: Path, translation: Translation, faces: Faces, rows: NDArray[np.int64], pixels: Pixels
) -> None:
    """Write the pictures that were made of some faces; `list_generated` puts them on the disk for good.

    Args:
        folder: of the run's pictures.
        translation: how.
        faces: all of the source domain.
        rows: which were translated.
        pixels: what was made of them, NxSxSx3 RGB.
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
    """Add pictures that were written to the manifest of their run, in place of rows for the same.

    Args:
        workspace: whose manifest.
        faces: all rows.
        rows: which were translated.
        translations: how, all of them from the same domain to the same other.
        modality: of the domain that they were translated to.
        folder: where the pictures are.
        system: name of the system.
        run: name of the run.
        size_px: side of the pictures.
        generator_folds: the folds that the generator has never seen; None where the manifest has no folds.

    Returns:
        The manifest's path, or None where translations are to points of valence and arousal alone, which the schema has
        no column for.
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
    # The pictures are on the disk before a table says so.
    os.sync()
    store.write_table(path, FACES, nested.in_order(table, "face_id"))
    return path


def slug(words: str) -> str:
    """Return words as a file name.

    Example:
        >>> slug("v -0.8 a +0.0")
        'v-0.8_a+0.0'
    """
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", re.sub(r" (?=[+-])", "", words))


def _scaled(matrix: list[list[float]] | None, was_px: int | None, now_px: int) -> list[list[float]] | None:
    """Return the source-to-crop transform of a resized crop; pixel centres are at whole numbers."""
    if matrix is None or was_px is None:
        return None
    factor = now_px / was_px
    return [[factor * a, factor * b, factor * c + (factor - 1) / 2] for a, b, c in matrix]
