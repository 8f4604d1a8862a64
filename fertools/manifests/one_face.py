"""Find one face in a manifest of millions without reading the other faces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import calls
from fertools.core.errors import InputError
from fertools.core.parquet import checked, reading_parquet
from fertools.core.workspace import Workspace
from fertools.manifests import nested
from fertools.manifests.identifiers import check_names
from fertools.manifests.schema import FACES
from fertools.manifests.table_stream import REMEDY, check_schema


def read_face(workspace: Workspace, face_id: str) -> dict[str, Any]:
    """Return the row of one face: every column of the manifest by name.

    The manifest is sorted by `face_id`, so only one row group is read.

    Args:
        workspace: workspace of the manifest.
        face_id: identifier of the face.

    Raises:
        InputError: there is no manifest, or no such face in it.
        SchemaError: the manifest is damaged or of another schema version.
    """
    path = workspace.manifest
    if not path.is_file():
        raise InputError(f"there is no manifest in {workspace.root}; run {calls.INGEST} there first")
    with reading_parquet(path, REMEDY):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with closing(file):
        with reading_parquet(path, REMEDY):
            check_schema(path, FACES, file.schema_arrow)
            groups = list(_groups_with(file, face_id))
        for number in groups:
            with reading_parquet(path, REMEDY):
                group = nested.unsliced(checked(file.read_row_group(number)))
            check_names(path, FACES, group)
            place = pc.index(group[FACES.key], face_id).as_py()
            if place >= 0:
                row: dict[str, Any] = nested.take(group, np.array([place])).to_pylist()[0]
                return row
    raise InputError(f"there is no face '{face_id}' in {path}")


def _groups_with(file: Any, face_id: str) -> Iterator[int]:
    """Yield the row groups whose statistics allow the face."""
    for number in range(file.num_row_groups):
        found = file.metadata.row_group(number).column(0).statistics
        if found is None or not found.has_min_max or found.min <= face_id <= found.max:
            yield number
