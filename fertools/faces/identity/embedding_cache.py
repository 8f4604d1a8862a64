"""The cache of embeddings: a stopped run continues with the faces that are missing.

Each block of faces is one Parquet file, written atomically, in a folder for one embedder and its weights. The crop of a
face is part of its key, so a face that was cropped again is embedded again. The folder may be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter
from fertools.core.spreading import Spread
from fertools.faces.identity.embedder import Embedder, Floats
from fertools.faces.identity.face_crops import cut_crop

BLOCK = 256
"""Faces per file; a stopped run loses at most this number."""


class EmbeddingCache:
    """Embeddings of one embedder on the disk.

    Args:
        folder: folder of all embedders' files.
        embedder: the embedder.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._embedder = embedder
        self._folder = _folder(folder, embedder.card.name, embedder.card.digest)

    def embed(
        self,
        root: Path,
        rows: Sequence[dict[str, Any]],
        report: Reporter,
        spread: Spread | None = None,
        reopen: Callable[[], Embedder] | None = None,
    ) -> tuple[Floats, int]:
        """Return the embeddings of faces, and the number that had to be computed.

        Args:
            root: folder of the workspace.
            rows: values of `face_crops.COLUMNS` of each face.
            report: receives the progress in faces.
            spread: how to spread blocks of faces over machines; None embeds here.
            reopen: opens the embedder there; None sends it.

        Returns:
            (N, width) float32 of length 1, with NaN for a face whose crop is missing; and the number of faces that were
            not in the cache.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        keys = [_key(row) for row in rows]
        known = dict(_stored(self._folder, self._embedder.card.width))
        missing = [place for place, key in enumerate(keys) if key not in known]
        report.start(len(missing))
        blocks = [missing[start : start + BLOCK] for start in range(0, len(missing), BLOCK)]
        work = _EmbedBlock(root, reopen or partial(_same, self._embedder))
        answers = (spread or map)(work, ([rows[place] for place in block] for block in blocks))
        done = 0
        for block, vectors in zip(blocks, answers, strict=True):
            found = {
                keys[place]: vector for place, vector in zip(block, vectors, strict=True) if np.isfinite(vector).all()
            }
            self._store(found)
            known |= found
            done += len(block)
            report.advance(done)
        nothing = np.full(self._embedder.card.width, np.nan, np.float32)
        result = np.stack([known.get(key, nothing) for key in keys]) if keys else np.empty((0, len(nothing)))
        return np.asarray(result, np.float32), len(missing)

    def _store(self, found: dict[str, Floats]) -> None:
        if not found:
            return
        values = pa.array(np.concatenate(list(found.values())), pa.float32())
        vectors = pa.FixedSizeListArray.from_arrays(values, self._embedder.card.width)
        table = pa.table({"key": pa.array(list(found), pa.string()), "embedding": vectors})
        with files.replacing(self._folder / f"{hash_bytes(*map(str.encode, found))}.parquet") as temporary:
            pq.write_table(table, temporary, compression="zstd")


@dataclass(frozen=True)
class _EmbedBlock:
    """Cuts the crops of some faces and embeds them.

    Attributes:
        root: folder of the workspace.
        open: opens the embedder.
    """

    root: Path
    open: Callable[[], Embedder]

    def __call__(self, rows: Sequence[dict[str, Any]]) -> Floats:
        """Return (N, width) embeddings, with NaN for a face whose crop is missing."""
        embedder = self.open()
        crops = [cut_crop(self.root, row, embedder.card) for row in rows]
        vectors = np.full((len(rows), embedder.card.width), np.nan, np.float32)
        if there := [place for place, crop in enumerate(crops) if crop is not None]:
            vectors[there] = embedder.embed([crop for crop in crops if crop is not None])
        return vectors


def _same(embedder: Embedder) -> Embedder:
    return embedder


def read_embeddings(folder: Path, name: str, digest: str) -> tuple[list[str], Floats]:
    """Return the faces in the cache of an embedder, and their embeddings.

    A face that was cropped again occurs with each of its crops.

    Args:
        folder: folder of all embedders' files.
        name: name of the embedder.
        digest: digest of its weights.

    Returns:
        E identifiers of faces, and (E, width) embeddings of length 1.

    Raises:
        InputError: a file is damaged.
    """
    found = list(_stored(_folder(folder, name, digest)))
    vectors = np.stack([vector for _, vector in found]) if found else np.empty((0, 0), np.float32)
    return [key.partition("-")[0] for key, _ in found], vectors


def _folder(folder: Path, name: str, digest: str) -> Path:
    return folder / f"{name}-{digest[:12]}"


def _stored(folder: Path, width: int | None = None) -> Iterator[tuple[str, Floats]]:
    """Yield the keys and embeddings of a folder; all have the same width."""
    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path, columns=["key", "embedding"])
            vectors = table["embedding"].combine_chunks().values.to_numpy().reshape(len(table), -1)
            if vectors.shape[1] != (width := width or vectors.shape[1]):
                raise pa.ArrowInvalid("another width")
        except (pa.ArrowInvalid, KeyError, ValueError, OSError) as error:
            raise InputError(f"{path} is damaged; delete the folder {folder}, and run again") from error
        yield from zip(table["key"].to_pylist(), vectors, strict=True)


def _key(row: dict[str, Any]) -> str:
    place = [row[name] for name in ("size_px", "template", "matrix")]
    return f"{row['face_id']}-{hash_bytes(json.dumps(place).encode())[:12]}"
