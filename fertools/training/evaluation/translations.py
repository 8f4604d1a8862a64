"""What a translator made of held-out faces: a row per made face, in `translations.parquet` of the run's folder.

Beside whom a face was made of (`fold` is 0 where a hold-out was tested) and what was asked for, a row has what came of
translating it back. The pictures themselves lie where `path` says. Every figure about a translator begins with this
table.
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
"""What the file is called in the folder of a run."""
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
"""What is true of the face that another was made of."""


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
    """Return the rows of faces that were made of held-out ones.

    Args:
        workspace: that paths are relative to.
        faces: all.
        rows: the N that were translated.
        translations: how, all of them from the same domain.
        qualities: for each translation, N x 3 measures of `reconstruction`.
        folder: where the pictures are.
        run: `SYSTEM/RUN`.
        size_px: side of the pictures.
    """
    parents = nested.take(faces.table, rows)
    names, count, parts = parents["face_id"].to_pylist(), len(rows), []
    for translation, quality in zip(translations, qualities, strict=True):
        valence, arousal = translation.point or (None, None)
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
    """Add rows to a run's table, in place of rows for the same, once their pictures are on the disk.

    Args:
        root: folder of the run.
        rows: what `list_translations` gave.

    Raises:
        SchemaError: the table that is there is none of this version.
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
    """Return what a run made of held-out faces, sorted by `face_id`.

    Args:
        root: folder of the run.

    Raises:
        InputError: there is no such table.
        SchemaError: it is none of this version.
    """
    path = root / TRANSLATIONS_NAME
    if not path.is_file():
        raise InputError(f"there are no translated faces at {path}; finish the run that writes them")
    table = read_parquet(path, remedy="train again to write it anew")
    if (table.schema.metadata or {}).get(_VERSION_KEY) != _VERSION or not table.schema.equals(_SCHEMA):
        raise SchemaError(f"{path} is no table of translated faces of version {_VERSION.decode()}; train again")
    return table.replace_schema_metadata(None)
