"""Recognise drawn faces, so that reports can say that the people are drawn.

`fertools sample` writes its options and the truth into the root folder of a drawn dataset. A source below these two
files is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.samples.counterparts import find_drawn


def count_drawn(workspace: Workspace, faces: pa.Table) -> int:
    """Return the number of drawn faces. Faces of a drawn dataset that was moved since its ingest are not counted.

    Args:
        workspace: workspace with the table of sources; without that table the number is 0.
        faces: rows with the column `source_id`.
    """
    if not workspace.sources.is_file():
        return 0
    sources = store.read_sources(workspace, ("source_id", "path")).to_pylist()
    drawn = {row["source_id"] for row in sources if _is_below_marks((workspace.root / row["path"]).parent)}
    return sum(source in drawn for source in faces["source_id"].to_pylist())


def count_drawn_named(workspace: Workspace, names: Iterable[str]) -> int:
    """Return the number of drawn faces among those of some names.

    Args:
        workspace: workspace with the manifest.
        names: `face_id` of each face.
    """
    table = store.read_faces(workspace, ("face_id", "source_id"))
    wanted = pa.array(sorted(names), pa.string())
    return count_drawn(workspace, table.filter(pc.is_in(table["face_id"], value_set=wanted)))


@lru_cache(maxsize=4096)
def _is_below_marks(folder: Path) -> bool:
    return find_drawn(folder) is not None
