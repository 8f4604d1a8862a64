"""Read the table of an export, from which a manifest can be made again. Nothing in it is trusted."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.errors import InputError, SchemaError
from fertools.core.parquet import read_parquet
from fertools.manifests import nested
from fertools.manifests.identifiers import check_names
from fertools.manifests.schema import FACES, SOURCES
from fertools.transfer.exports.description import TABLE_NAME

_OWN = ("file", "sha256")
_REMEDY = "export again"
_DIGEST = "^[0-9a-f]{64}$"


def read_exported(folder: Path) -> pa.Table:
    """Return the table of an export: the columns of the manifest, `file` and `sha256`.

    Args:
        folder: folder of the export.

    Raises:
        InputError: the folder has no table of an export, or the export has no pictures.
        SchemaError: the table is damaged, has other columns than a manifest, or has an identifier or a path that
            fertools does not write.
    """
    path = folder / TABLE_NAME
    if not path.is_file():
        raise InputError(
            f"{folder} has no {TABLE_NAME}, so it is no export of fertools; read its pictures with `fertools ingest`"
        )
    found = read_parquet(path, remedy=_REMEDY)
    lacking = set(FACES.names).union(_OWN) - FACES.added - set(found.column_names)
    if lacking:
        raise SchemaError(f"{path} has no column {min(lacking)}, so it is no table of an export; {_REMEDY}")
    try:
        table = FACES.completed(found).select(FACES.names).cast(FACES.arrow)
        own = found.select(_OWN).cast(pa.schema([(name, pa.string()) for name in _OWN]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"{path} has columns of other types than a manifest ({error}); {_REMEDY}") from error
    check_names(path, FACES, table)
    for name in _OWN:
        table = table.append_column(name, own[name])
    if table["sha256"].null_count == len(table):
        raise InputError(f"{folder} holds no pictures, so no dataset can be made of it; export in another format")
    if not pc.all(pc.match_substring_regex(table["sha256"], _DIGEST), skip_nulls=False).as_py():
        raise SchemaError(f"{path} has a sha256 that is not 64 hex digits; {_REMEDY}")
    if pc.count_distinct(table["face_id"]).as_py() != len(table):
        raise SchemaError(f"{path} has a face twice; {_REMEDY}")
    return nested.in_order(nested.unsliced(table), "face_id")


def sources_of(faces: pa.Table) -> pa.Table:
    """Return a sources table for faces whose files are not here.

    An export has no paths of the user's files. So the path of a source says only that it was imported.

    Args:
        faces: rows of FACES, without generated faces.
    """
    rows: dict[str, dict[str, object]] = {}
    columns = ("source_id", "dataset", "modality", "licence", "pts_s", "frame_index", "status", "interpolated")
    for face in faces.select(columns).to_pylist():
        row = rows.setdefault(
            face["source_id"],
            {
                **{name: face[name] for name in columns[:4]},
                "path": f"imported/{face['source_id']}",
                "kind": "image",
                "status": "done",
                **dict.fromkeys(("faces_kept", "faces_rejected", "faces_interpolated"), 0),
            },
        )
        if face["pts_s"] is not None or face["frame_index"]:
            row["kind"] = "video"
        row[f"faces_{face['status']}"] += 1  # type: ignore[operator]
        row["faces_interpolated"] += bool(face["interpolated"])  # type: ignore[operator]
    return SOURCES.table(list(rows.values()))
