"""Remove the output of earlier ingests, so that an ingest can begin again (`--overwrite`)."""

from __future__ import annotations

import re
from contextlib import suppress

from fertools.core.workspace import Workspace
from fertools.faces.centring import CENTRED
from fertools.faces.templates import template_names
from fertools.ingestion.detection_cache import drop_caches
from fertools.ingestion.filter import SECTION as FILTER
from fertools.ingestion.frame_selection import SECTION as SELECT
from fertools.ingestion.source_options import SECTION as SOURCES


def remove_output(workspace: Workspace) -> None:
    """Remove the output of earlier ingests; ratings, training runs, tombstones and files of the user stay."""
    workspace.manifest.unlink(missing_ok=True)
    workspace.sources.unlink(missing_ok=True)
    drop_caches(workspace.parts)
    for pattern in ("*.faces.parquet", "*.sources.parquet"):
        for path in workspace.parts.glob(pattern):
            path.unlink()
    crop = re.compile(r"[0-9a-f]{32}\.(jpg|png)")
    others = rf"(?:{'|'.join(template_names())}|{CENTRED})-[0-9]+"
    folders = [path for path in workspace.crops.glob("*-*") if re.fullmatch(others, path.name)]
    shards = [path for folder in (workspace.crops, *folders) for path in folder.glob("[0-9a-f][0-9a-f]")]
    for shard in shards:
        for path in shard.iterdir():
            if crop.fullmatch(path.name):
                path.unlink()
        with suppress(OSError):  # the folder is not empty, because it has other files
            shard.rmdir()
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
    workspace.drop_settings("ingest", "split", SOURCES, FILTER, SELECT)
