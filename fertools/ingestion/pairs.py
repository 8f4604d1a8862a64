"""Which pictures of a drawn dataset show one moment: the truth table beside them says so."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from fertools.core.csv_table import read_csv
from fertools.core.hashing import hash_bytes
from fertools.samples.counterparts import MARKS, find_drawn


def find_pair(picture: Path) -> str | None:
    """Return the `pair_id` of a picture, None if it is not of a drawn dataset.

    The identifier depends on the options of the dataset and on the moment. So it does not matter which modality is
    ingested first, or in which folder the dataset is.

    Args:
        picture: path of the picture.

    Raises:
        InputError: the truth table cannot be read.
    """
    root = _find_root(picture.resolve().parent)
    if root is None:
        return None
    truth = root / MARKS[1]
    # A table that was written again is read again.
    moments = _read_moments(root, truth.stat().st_mtime_ns)
    return moments.get(picture.resolve().relative_to(root).as_posix())


@functools.lru_cache(maxsize=4096)
def _find_root(folder: Path) -> Path | None:
    return find_drawn(folder)


@functools.lru_cache(maxsize=4)
def _read_moments(root: Path, _modified_ns: int) -> Mapping[str, str]:
    options, truth = ((root / name) for name in MARKS)
    columns = read_csv(truth).columns
    dataset = options.read_bytes()
    return {
        path: hash_bytes(dataset, moment.encode())
        for path, moment in zip(columns.get("path", ()), columns.get("moment", ()), strict=True)
        if moment
    }
