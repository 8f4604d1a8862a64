"""The face embeddings that `fertools identify` left in a workspace."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.explain import reading
from fertools.core.workspace import Workspace
from fertools.faces.identity.embedding_cache import read_embeddings
from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.identity_findings import Embeddings


def find_embeddings(workspace: Workspace, table: AuditTable) -> Embeddings | None:
    """Return the embeddings of faces by the embedder of the last `identify`; None if there are none.

    Raises:
        InputError: a file of `identify` is damaged.
    """
    if not workspace.people.is_file():
        return None
    with reading(workspace.people, "is no list of people", "run fertools identify again to write it"):
        content = json.loads(workspace.people.read_text(encoding="utf-8"))
        embedder, threshold = content["embedder"], float(content["threshold"]["value"])
        name, digest = str(embedder["name"]), str(embedder["digest"])
    faces, vectors = read_embeddings(workspace.embeddings, name, digest)
    rows = pc.index_in(pa.array(faces, pa.string()), value_set=pa.array(table.names, pa.string()))
    known = rows.is_valid().to_numpy(zero_copy_only=False) & np.isfinite(vectors).all(axis=1)
    if not known.any():
        return None
    numbers = pc.fill_null(rows, -1).to_numpy().astype(np.int64)[known]
    # A face that was cropped again has two embeddings, and the audit needs one.
    unique, first = np.unique(numbers, return_index=True)
    return Embeddings(unique, vectors[known][first], threshold)
