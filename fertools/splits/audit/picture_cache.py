"""The cache of what an audit reads from the pixels of crops, so that a second audit decodes no picture again.

`manifests/pictures.parquet` has a row for each face. A face whose file has another content is read again. `forget`
removes rows by their `face_id`, as it does from every table.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.errors import FertoolsError
from fertools.core.parquet import read_parquet
from fertools.core.progress import Reporter
from fertools.core.spreading import Spread
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.picture_hash import (
    BITS,
    NUMBERS,
    KnownPictures,
    PictureFacts,
    describe_blocks,
    join_facts,
)

BLOCK = 20_000
"""Pictures after which the cache is written: a stopped audit loses at most these."""
_VERSION = {b"fertools.pictures": b"1"}
_SCHEMA = pa.schema(
    [
        pa.field("face_id", pa.string()),
        pa.field("content", pa.string()),
        pa.field("readable", pa.bool_()),
        pa.field("flat", pa.bool_()),
        pa.field("digest", pa.string()),
        pa.field("hash", pa.binary(BITS // 8)),
        *(pa.field(name, pa.float64()) for name in NUMBERS),
    ],
    _VERSION,
)


def describe_crops(
    workspace: Workspace, table: AuditTable, report: Reporter | None = None, spread: Spread | None = None
) -> PictureFacts:
    """Return the facts of the crops of a manifest, and keep them for the next audit.

    A workspace that cannot be written, or that another command is changing, keeps none.

    Args:
        workspace: the workspace of the manifest.
        table: its faces.
        report: receives the progress in faces.
        spread: how to spread the reading over machines; None reads here.
    """
    kept = _read(workspace.picture_facts)
    known = None if kept is None else KnownPictures.of(kept)
    parts: list[PictureFacts] = []
    unsaved = 0
    for facts in describe_blocks(table.paths(), known, spread, report):
        parts.append(facts)
        unsaved += sum(bool(content) and (known is None or content not in known.row_of) for content in facts.contents)
        if unsaved >= BLOCK:
            _save(workspace, table, join_facts(parts))
            unsaved = 0
    found = join_facts(parts)
    if unsaved:
        _save(workspace, table, found)
    return found


def _read(path: Path) -> PictureFacts | None:
    """Return the facts in the cache; None if there is no cache of this version."""
    try:
        table = read_parquet(path, remedy="delete it")
    except (FertoolsError, OSError):
        return None
    if not table.schema.equals(_SCHEMA, check_metadata=True):
        return None
    coded = b"".join(table["hash"].to_pylist())
    return PictureFacts(
        table["readable"].to_numpy(),
        table["flat"].to_numpy(),
        tuple(table["content"].to_pylist()),
        tuple(table["digest"].to_pylist()),
        np.frombuffer(coded, np.uint64).reshape(-1, BITS // 64),
        {name: table[name].to_numpy() for name in NUMBERS},
    )


def _save(workspace: Workspace, table: AuditTable, facts: PictureFacts) -> None:
    count = len(facts.contents)
    columns = [
        pc.cast(table.names[:count], pa.string()),
        pa.array(facts.contents, pa.string()),
        pa.array(facts.readable),
        pa.array(facts.flat),
        pa.array(facts.digests, pa.string()),
        pa.FixedSizeBinaryArray.from_buffers(pa.binary(BITS // 8), count, [None, pa.py_buffer(facts.hashes.tobytes())]),
        *(pa.array(facts.numbers[name]) for name in NUMBERS),
    ]
    with contextlib.suppress(FertoolsError), workspace.locked("keeping what an audit read"):
        # A face that was forgotten since the audit began must not come back.
        there = store.read_faces(workspace, ["face_id"])["face_id"]
        rows = pa.table(columns, schema=_SCHEMA)
        rows = rows.filter(pc.is_in(rows["face_id"], value_set=there.combine_chunks()))
        with files.replacing(workspace.picture_facts) as unfinished:
            pq.write_table(rows, unfinished, compression="zstd", write_page_checksum=True)
