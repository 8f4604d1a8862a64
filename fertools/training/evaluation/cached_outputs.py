"""What a network says of pictures: a row of numbers per picture, kept in the run's folder.

Every figure that needs the network is computed from these rows, so that it can be computed again without the network,
and no picture is read twice: an interrupted reading goes on, and faces made later are added.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import InputError, SchemaError
from fertools.core.explain import reading
from fertools.core.parquet import read_parquet
from fertools.core.progress import Reporter
from fertools.training.data.faces import Pixels
from fertools.training.runs.generated import slug

OUTPUTS_FOLDER = "readings"
"""Where the tables lie in the folder of a run."""
_META_KEY = b"fertools.readings"
_BLOCK, _CHUNK = 1024, 128
"""Pictures between two writings of a table, and held in memory at a time."""


@dataclass(frozen=True)
class EvaluationNetwork:
    """A network that is asked about pictures.

    Attributes:
        kind: what its numbers are for: `judge`, `features` or `identity`.
        name: of the run or the weights.
        digest: of the weights; what others said is not mixed with what these say.
        about: what else has to be known to use the numbers, as JSON can hold it.
        width: numbers per picture.
        read: gives N x width numbers of N x S x S x 3 RGB pictures.
    """

    kind: str
    name: str
    digest: str
    about: Mapping[str, Any]
    width: int
    read: Callable[[Pixels], NDArray[np.float32]]


@dataclass(frozen=True)
class ImageSet:
    """Pictures that can be read.

    Attributes:
        names: `face_id` of each.
        digests: of what is in each.
        load: gives pictures, N x S x S x 3 RGB, at some positions.
    """

    names: Sequence[str]
    digests: Sequence[str]
    load: Callable[[NDArray[np.int64]], Pixels]


@dataclass(frozen=True)
class CachedOutputs:
    """What a network has said.

    Attributes:
        kind: see `EvaluationNetwork`.
        name: see `EvaluationNetwork`.
        digest: see `EvaluationNetwork`.
        about: see `EvaluationNetwork`.
        names: `face_id` of N pictures.
        digests: of what was in each.
        values: N x width.
    """

    kind: str
    name: str
    digest: str
    about: Mapping[str, Any]
    names: tuple[str, ...]
    digests: tuple[str, ...]
    values: NDArray[np.float32]

    def of(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the rows of some pictures.

        Raises:
            InputError: one of them has not been read.
        """
        place = {name: row for row, name in enumerate(self.names)}
        if missing := sum(name not in place for name in names):
            raise InputError(
                f"{self.name} has not read {missing:,} of {len(names):,} pictures; name it again, so that it does"
            )
        return self.values[[place[name] for name in names]].astype(np.float64)

    def covers(self, names: Sequence[str]) -> bool:
        """Return whether all of some pictures have been read."""
        return set(names) <= set(self.names)


def outputs_path(root: Path, kind: str, name: str) -> Path:
    """Return where readings lie in the folder of a run."""
    return root / OUTPUTS_FOLDER / f"{kind}-{slug(name)}.parquet"


def update_outputs(root: Path, network: EvaluationNetwork, image_sets: Sequence[ImageSet], report: Reporter) -> None:
    """Let a network read the pictures that it has not read yet; those that were overwritten since are read again.

    Args:
        root: folder of the run.
        network: the network.
        image_sets: the pictures, each under one name.
        report: told of progress.

    Raises:
        InputError: a picture cannot be read.
        StorageError: the disk is full or cannot be written.
    """
    path = outputs_path(root, network.kind, network.name)
    old = read_outputs(path) if path.is_file() else None
    if old is not None and old.digest != network.digest:
        old = None
    now = {name: digest for images in image_sets for name, digest in zip(images.names, images.digests, strict=True)}
    names, digests, blocks = _unchanged(old, now) if old is not None else ([], [], [])
    known = set(names)
    left = [[row for row, name in enumerate(images.names) if name not in known] for images in image_sets]
    report.start(sum(map(len, left)))
    done, waiting = 0, 0
    for images, rows in zip(image_sets, left, strict=True):
        for start in range(0, len(rows), _CHUNK):
            part = np.array(rows[start : start + _CHUNK], np.int64)
            blocks.append(network.read(images.load(part)))
            names += [images.names[row] for row in part]
            digests += [images.digests[row] for row in part]
            done, waiting = done + len(part), waiting + len(part)
            report.advance(done)
            if waiting >= _BLOCK:
                _write(path, network, names, digests, blocks)
                waiting = 0
    if waiting:
        _write(path, network, names, digests, blocks)


def read_outputs(path: Path) -> CachedOutputs:
    """Return what `update_outputs` wrote.

    Raises:
        SchemaError: the file is no such table.
    """
    table = read_parquet(path, remedy="remove it, and let the pictures be read again")
    coded = (table.schema.metadata or {}).get(_META_KEY)
    if coded is None or table.column_names != ["face_id", "picture", "values"]:
        raise SchemaError(f"{path} is no table of readings; remove it, and let the pictures be read again")
    with reading(path, "is damaged", "remove it, and let the pictures be read again"):
        meta = json.loads(coded)
        flat = pc.list_flatten(table["values"]).to_numpy().astype(np.float32)
        values = flat.reshape(len(table), meta.pop("width"))
        names, digests = (tuple(table[name].to_pylist()) for name in ("face_id", "picture"))
        return CachedOutputs(names=names, digests=digests, values=values, **meta)


def list_outputs(root: Path, kind: str) -> list[CachedOutputs]:
    """Return all readings of a kind in the folder of a run, by name."""
    return [read_outputs(path) for path in sorted((root / OUTPUTS_FOLDER).glob(f"{kind}-*.parquet"))]


def _unchanged(old: CachedOutputs, now: Mapping[str, str]) -> tuple[list[str], list[str], list[NDArray[np.float32]]]:
    """Return names, digests and values of pictures that have not been overwritten, or are not asked about now."""
    pairs = list(zip(old.names, old.digests, strict=True))
    kept = [row for row, (name, digest) in enumerate(pairs) if now.get(name, digest) == digest]
    return [old.names[row] for row in kept], [old.digests[row] for row in kept], [old.values[kept]]


def _write(
    path: Path,
    network: EvaluationNetwork,
    names: Sequence[str],
    digests: Sequence[str],
    blocks: Sequence[NDArray[np.float32]],
) -> None:
    meta = {
        "kind": network.kind,
        "name": network.name,
        "digest": network.digest,
        "about": dict(network.about),
        "width": network.width,
    }
    values = np.concatenate(blocks)
    if values.shape != (len(names), network.width) or not np.isfinite(values).all():
        raise InputError(f"{network.name} gives numbers that are not finite, so nothing can be computed from them")
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), network.width)
    columns = {"face_id": pa.array(names, pa.string()), "picture": pa.array(digests, pa.string()), "values": lists}
    table = pa.table(columns)
    table = table.replace_schema_metadata({_META_KEY: json.dumps(meta, ensure_ascii=False).encode()})
    with files.replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
