"""The table `translations.parquet` of a run: a row per face that was generated from a held-out face.

A row has the parent with its labels (`fold` is 0 for a hold-out), the target and the path of the image. It also has the
reconstruction metrics. All metrics of a translator are computed from this table.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import InputError, SchemaError
from fertools.core.parquet import read_parquet
from fertools.core.workspace import Workspace
from fertools.manifests import nested
from fertools.training.data.faces import Faces
from fertools.training.evaluation.image_similarity import METRICS
from fertools.training.runs.generated import generated_id, picture_path
from fertools.training.systems.base import Translation

TRANSLATIONS_NAME = "translations.parquet"
"""File name of the table in the folder of a run."""
_VERSION, _VERSION_KEY = b"1", b"fertools.translations_version"
_TEXT, _F32 = pa.string(), pa.float32()
_SCHEMA = pa.schema(
    [
        pa.field("face_id", _TEXT, nullable=False),
        pa.field("parent_id", _TEXT, nullable=False),
        pa.field("subject_id", _TEXT),
        pa.field("fold", pa.int32(), nullable=False),
        pa.field("emotion", _TEXT),
        pa.field("valence", _F32),
        pa.field("arousal", _F32),
        pa.field("target", _TEXT, nullable=False),
        pa.field("source_domain", _TEXT, nullable=False),
        pa.field("target_domain", _TEXT, nullable=False),
        pa.field("target_emotion", _TEXT),
        pa.field("target_valence", _F32),
        pa.field("target_arousal", _F32),
        pa.field("path", _TEXT, nullable=False),
        pa.field("size_px", pa.int32(), nullable=False),
        *(pa.field(name, _F32, nullable=False) for name in METRICS),
    ]
)
_INHERITED = ("subject_id", "emotion", "valence", "arousal")
"""Columns that are copied from the parent."""


def list_translations(
    workspace: Workspace,
    faces: Faces,
    rows: NDArray[np.int64],
    translations: Sequence[Translation],
    qualities: Sequence[NDArray[np.float64]],
    *,
    folder: Path,
    run: str,
    size_px: int,
) -> pa.Table:
    """Return the rows of faces that were generated from held-out faces.

    Args:
        workspace: workspace that paths are relative to.
        faces: all faces of the source domain.
        rows: row numbers of the N translated faces.
        translations: translations from the same source domain.
        qualities: for each translation, N x 3 metrics of `reconstruction_metrics`.
        folder: folder of the images.
        run: name of the run, as `SYSTEM/RUN`.
        size_px: side of the images.
    """
    parents = nested.take(faces.table, rows)
    names, count, parts = parents["face_id"].to_pylist(), len(rows), []
    for translation, quality in zip(translations, qualities, strict=True):
        valence, arousal = translation.valence_arousal or (None, None)
        wanted = (
            parents["emotion"].combine_chunks()
            if translation.keeps_emotion
            else pa.array([translation.emotion] * count, _TEXT)
        )
        columns = {
            "face_id": [generated_id(name, run, translation.name) for name in names],
            "parent_id": names,
            "fold": pc.fill_null(parents["fold"], 0).combine_chunks(),
            **{name: parents[name].combine_chunks() for name in _INHERITED},
            "target": [translation.name] * count,
            "source_domain": [translation.source] * count,
            "target_domain": [translation.target] * count,
            "target_emotion": wanted,
            "target_valence": pa.array([valence] * count, _F32),
            "target_arousal": pa.array([arousal] * count, _F32),
            "path": [workspace.name_of(picture_path(folder, translation.name, name)) for name in names],
            "size_px": pa.array([size_px] * count, pa.int32()),
            **{name: pa.array(quality[:, index], _F32) for index, name in enumerate(METRICS)},
        }
        parts.append(pa.table([columns[field.name] for field in _SCHEMA], schema=_SCHEMA))
    return pa.concat_tables(parts)


def add_translations(root: Path, rows: pa.Table) -> None:
    """Add rows to the table of a run; rows with the same `face_id` are replaced. The images must be written before.

    Args:
        root: folder of the run.
        rows: result of `list_translations`.

    Raises:
        SchemaError: the existing table has another version.
        StorageError: the disk is full or cannot be written.
    """
    path = root / TRANSLATIONS_NAME
    if path.is_file():
        kept = read_translations(root)
        kept = kept.filter(pc.invert(pc.is_in(kept["face_id"], value_set=rows["face_id"].combine_chunks())))
        rows = pa.concat_tables([kept, rows])
    os.sync()
    table = rows.sort_by("face_id").combine_chunks().replace_schema_metadata({_VERSION_KEY: _VERSION})
    with files.replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_translations(root: Path) -> pa.Table:
    """Return the faces that a run generated from held-out faces, sorted by `face_id`.

    Args:
        root: folder of the run.

    Raises:
        InputError: there is no such table.
        SchemaError: it has another version.
    """
    path = root / TRANSLATIONS_NAME
    if not path.is_file():
        raise InputError(f"there are no generated faces at {path}; finish the run that writes them")
    table = read_parquet(path, remedy="train again to write it again")
    if (table.schema.metadata or {}).get(_VERSION_KEY) != _VERSION or not table.schema.equals(_SCHEMA):
        raise SchemaError(f"{path} is not a table of generated faces of version {_VERSION.decode()}; train again")
    return table.replace_schema_metadata(None)
