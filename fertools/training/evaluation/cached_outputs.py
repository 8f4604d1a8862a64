"""Cached outputs of evaluation networks: a row of numbers per image, in the folder of a run.

All metrics that need the network are computed from these rows. So they can be computed again without the network. No
image is processed twice: an interrupted call is resumed, and images that were generated later are added.
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

OUTPUTS_FOLDER = "network-outputs"
"""Folder of the tables in the folder of a run."""
_REMEDY = "remove it, and run the evaluation again"
_META_KEY = b"fertools.network_outputs"
_BLOCK, _CHUNK = 1024, 128
"""Images per write of a table, and images in memory at a time."""


@dataclass(frozen=True)
class EvaluationNetwork:
    """A network that evaluates images.

    Attributes:
        kind: use of its outputs: `judge`, `features` or `identity`.
        name: name of its run or of its weights.
        digest: digest of its weights; outputs of other weights are discarded.
        about: everything else that is needed to interpret the outputs, in a form that JSON can hold.
        width: numbers per image.
        read: returns N x width outputs for N x S x S x 3 uint8 RGB images.
    """

    kind: str
    name: str
    digest: str
    about: Mapping[str, Any]
    width: int
    read: Callable[[Pixels], NDArray[np.float32]]


@dataclass(frozen=True)
class ImageSet:
    """A set of images.

    Attributes:
        names: `face_id` of each image.
        digests: digest of the content of each image.
        load: returns the images with the given indices, N x S x S x 3 uint8 RGB.
    """

    names: Sequence[str]
    digests: Sequence[str]
    load: Callable[[NDArray[np.int64]], Pixels]


@dataclass(frozen=True)
class CachedOutputs:
    """The outputs of a network for N images.

    Attributes:
        kind: see `EvaluationNetwork`.
        name: see `EvaluationNetwork`.
        digest: see `EvaluationNetwork`.
        about: see `EvaluationNetwork`.
        names: `face_id` of the N images.
        digests: digest of the content of each image.
        values: outputs, N x width float32.
    """

    kind: str
    name: str
    digest: str
    about: Mapping[str, Any]
    names: tuple[str, ...]
    digests: tuple[str, ...]
    values: NDArray[np.float32]

    def of(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the outputs for some images.

        Args:
            names: `face_id` of the images.

        Raises:
            InputError: an image has no outputs.
        """
        rows = {name: row for row, name in enumerate(self.names)}
        if missing := sum(name not in rows for name in names):
            raise InputError(
                f"{self.name} has no outputs for {missing:,} of {len(names):,} images; name it again to compute them"
            )
        return self.values[[rows[name] for name in names]].astype(np.float64)

    def covers(self, names: Sequence[str]) -> bool:
        """Return whether all images have outputs."""
        return set(names) <= set(self.names)


def outputs_path(root: Path, kind: str, name: str) -> Path:
    """Return the path of the outputs of a network in the folder of a run."""
    return root / OUTPUTS_FOLDER / f"{kind}-{slug(name)}.parquet"


def update_outputs(root: Path, network: EvaluationNetwork, image_sets: Sequence[ImageSet], report: Reporter) -> None:
    """Compute the missing outputs of a network, and those of images that have changed.

    Args:
        root: folder of the run.
        network: the network.
        image_sets: the images; no name is in two of them.
        report: reporter of progress.

    Raises:
        InputError: an image cannot be read, or an output is not finite.
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
    """Return the outputs that `update_outputs` wrote.

    Raises:
        SchemaError: the file is damaged, or not such a table.
    """
    table = read_parquet(path, remedy=_REMEDY)
    coded = (table.schema.metadata or {}).get(_META_KEY)
    if coded is None or table.column_names != ["face_id", "image_digest", "values"]:
        raise SchemaError(f"{path} is not a table of cached outputs; {_REMEDY}")
    with reading(path, "is damaged", _REMEDY):
        meta = json.loads(coded)
        flat = pc.list_flatten(table["values"]).to_numpy().astype(np.float32)
        values = flat.reshape(len(table), meta.pop("width"))
        names, digests = (tuple(table[name].to_pylist()) for name in ("face_id", "image_digest"))
        return CachedOutputs(names=names, digests=digests, values=values, **meta)


def list_outputs(root: Path, kind: str) -> list[CachedOutputs]:
    """Return all cached outputs of a kind in the folder of a run, by name."""
    return [read_outputs(path) for path in sorted((root / OUTPUTS_FOLDER).glob(f"{kind}-*.parquet"))]


def _unchanged(old: CachedOutputs, now: Mapping[str, str]) -> tuple[list[str], list[str], list[NDArray[np.float32]]]:
    """Return names, digests and outputs of images that have not changed, or are not in the present image sets."""
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
        raise InputError(
            f"{network.name} has outputs that are not finite, so no metrics can be computed; check its weights"
        )
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), network.width)
    columns = {"face_id": pa.array(names, pa.string()), "image_digest": pa.array(digests, pa.string()), "values": lists}
    table = pa.table(columns)
    table = table.replace_schema_metadata({_META_KEY: json.dumps(meta, ensure_ascii=False).encode()})
    with files.replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
