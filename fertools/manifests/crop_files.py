"""The invariant of crops: every path of the manifest leads to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.validation_context import ValidationContext, valid, violating_faces


def missing_crops(context: ValidationContext) -> Sequence[str]:
    """Find crops that do not exist."""
    there = valid(context.faces, "path")
    rows = np.flatnonzero(there)
    paths = context.faces["path"].drop_null()
    folders = pc.replace_substring_regex(paths, "/?[^/]*$", "").combine_chunks().dictionary_encode()
    # Names on a disk need not be UTF-8. One array is taken from faster than many chunks.
    paths = paths.cast(pa.large_binary()).combine_chunks()
    # Each folder is listed once, and one listing is in memory at a time.
    codes = folders.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(folders.dictionary)))
    missing = np.zeros(len(there), np.bool_)
    for place, folder in enumerate(folders.dictionary.to_pylist()):
        own = order[ends[place - 1] if place else 0 : ends[place]]
        listed = pa.array(_files_in(context.workspace.root, folder), pa.large_binary())
        missing[rows[own]] = ~np.asarray(pc.is_in(paths.take(pa.array(own)), value_set=listed), np.bool_)
    return violating_faces(context, missing)


def _files_in(root: Path, folder: str) -> list[bytes]:
    """Return the paths of the files in a folder, relative to `root`; none if it cannot be listed."""
    begin = f"{folder}/" if folder else ""
    try:
        with os.scandir(root / folder) as entries:
            return [os.fsencode(begin + entry.name) for entry in entries if entry.is_file()]
    except OSError:
        return []
