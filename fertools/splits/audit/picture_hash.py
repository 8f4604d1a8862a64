"""A perceptual hash of 256 bits per picture, and what else an audit needs from the pixels.

The hash has the signs of the 256 lowest frequencies of the cosine transform (DCT) of a grey picture of 32 x 32 pixels,
without the mean. Scaling, compression and brightness change few signs. Mirroring a picture negates its odd horizontal
frequencies, so the hash of the mirrored picture is the same hash with those bits inverted.

Source: Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter, Silent
from fertools.core.spreading import Spread

BITS = 256
_SIDE_PX = 32
_FLAT = 2.0
"""Standard deviation of grey levels, of 255, below which a picture shows nothing: its hash would be noise."""
_THREADS = 4
_BLOCK = 2_000
"""Pictures that are read at once: the work of a machine between two answers."""
Hashes = NDArray[np.uint64]
"""(N, 4): 256 bits per picture."""


def _lowest_frequencies() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.indices((_SIDE_PX, _SIDE_PX)).reshape(2, -1)
    order = np.lexsort((columns, rows, rows**2 + columns**2))[1 : BITS + 1]
    return rows[order], columns[order]


_ROWS, _COLUMNS = _lowest_frequencies()


def _pack(bits: NDArray[np.bool_]) -> Hashes:
    return np.packbits(bits, axis=-1).view(np.uint64)


MIRROR: Hashes = _pack(_COLUMNS % 2 == 1)
"""(4,): the bits that mirroring inverts."""


@dataclass(frozen=True)
class PictureFacts:
    """What an audit needs from the pixels of N pictures.

    Attributes:
        readable: N, whether the picture could be decoded.
        flat: N, whether all its pixels are nearly equal.
        contents: N digests of the files; empty for a missing one.
        digests: N digests of the decoded pixels; empty where it could not be decoded.
        hashes: (N, 4) perceptual hashes; zero where a picture is unreadable or flat.
        numbers: N values by name; NaN where unreadable. `colour` is the mean difference of the largest and the smallest
            channel, `brightness` the mean grey level and `background` that of the border, all in [0, 1]. `width_px` is
            the width.
    """

    readable: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    contents: tuple[str, ...]
    digests: tuple[str, ...]
    hashes: Hashes
    numbers: dict[str, NDArray[np.float64]]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """N, whether a picture has a hash."""
        return self.readable & ~self.flat


@dataclass(frozen=True)
class KnownPictures:
    """Facts of pictures by the content of their files.

    Attributes:
        facts: the facts.
        row_of: their row numbers, by the digests of the files.
    """

    facts: PictureFacts
    row_of: Mapping[str, int]

    @classmethod
    def of(cls, facts: PictureFacts) -> KnownPictures:
        """Return facts with the rows of their files."""
        return cls(facts, {content: row for row, content in enumerate(facts.contents) if content})


NUMBERS = ("colour", "brightness", "background", "width_px")


def hash_picture(grey: NDArray[np.uint8]) -> Hashes:
    """Return the (4,) hash of a grey picture (height, width) of any size.

    Example:
        >>> picture = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)
        >>> bool((hash_picture(picture) == hash_picture(cv2.resize(picture, (48, 48)))).all())
        True
    """
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return _pack(cv2.dct(small)[_ROWS, _COLUMNS] > 0)


def describe_pictures(
    paths: Sequence[Path | None],
    known: KnownPictures | None = None,
    spread: Spread | None = None,
    report: Reporter | None = None,
) -> PictureFacts:
    """Read pictures and return their hashes and colours; memory does not grow with their size.

    Args:
        paths: N files; None where a row has none.
        known: facts of pictures that need not be decoded again.
        spread: how to spread blocks of pictures over machines; None reads them here.
        report: receives the progress in pictures.
    """
    return join_facts(list(describe_blocks(paths, known, spread, report)))


def describe_blocks(
    paths: Sequence[Path | None],
    known: KnownPictures | None = None,
    spread: Spread | None = None,
    report: Reporter | None = None,
) -> Iterator[PictureFacts]:
    """Yield the facts of one block of pictures after another; see `describe_pictures`."""
    report, done = report or Silent(), 0
    report.start(len(paths))
    blocks = (paths[start : start + _BLOCK] for start in range(0, max(1, len(paths)), _BLOCK))
    for facts in (spread or map)(partial(_describe, known=known), blocks):
        done += len(facts.contents)
        report.advance(done)
        yield facts


def _describe(paths: Sequence[Path | None], known: KnownPictures | None) -> PictureFacts:
    hashes = np.zeros((len(paths), BITS // 64), np.uint64)
    readable, flat = np.zeros(len(paths), np.bool_), np.zeros(len(paths), np.bool_)
    contents, digests = [""] * len(paths), [""] * len(paths)
    numbers = np.full((len(NUMBERS), len(paths)), np.nan)

    def describe(row: int) -> None:
        content = _read_file(paths[row])
        if content is None:
            return
        contents[row] = hash_bytes(content)
        if known is not None and (old := known.row_of.get(contents[row])) is not None:
            facts = known.facts
            readable[row], flat[row], digests[row] = facts.readable[old], facts.flat[old], facts.digests[old]
            hashes[row] = facts.hashes[old]
            numbers[:, row] = [facts.numbers[name][old] for name in NUMBERS]
            return
        picture = _decode(content)
        if picture is None:
            return
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        readable[row], flat[row] = True, float(grey.std()) < _FLAT
        digests[row] = hash_bytes(repr(picture.shape).encode(), picture.tobytes())
        if not flat[row]:
            hashes[row] = hash_picture(grey)
        numbers[:, row] = _colour(picture), grey.mean() / 255, _border(grey), grey.shape[1]

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(describe, range(len(paths)), chunksize=64):
            pass
    by_name = dict(zip(NUMBERS, numbers, strict=True))
    return PictureFacts(readable, flat, tuple(contents), tuple(digests), hashes, by_name)


def join_facts(parts: Sequence[PictureFacts]) -> PictureFacts:
    """Return the facts of several lists of pictures as one."""
    return PictureFacts(
        np.concatenate([part.readable for part in parts]),
        np.concatenate([part.flat for part in parts]),
        tuple(content for part in parts for content in part.contents),
        tuple(digest for part in parts for digest in part.digests),
        np.concatenate([part.hashes for part in parts]),
        {name: np.concatenate([part.numbers[name] for part in parts]) for name in NUMBERS},
    )


def read_picture(path: Path | None) -> NDArray[np.uint8] | None:
    """Return a picture as (height, width, 3) uint8 BGR; None if it is missing or damaged."""
    content = _read_file(path)
    return None if content is None else _decode(content)


def _read_file(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None and path.is_file() else None
    except OSError:
        return None


def _decode(content: bytes) -> NDArray[np.uint8] | None:
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        # OpenCV refuses an empty file, and one that claims to be very large.
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _colour(picture: NDArray[np.uint8]) -> float:
    small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.int64)
    return float((small.max(axis=2) - small.min(axis=2)).mean() / 255)


def _border(grey: NDArray[np.uint8]) -> float:
    """Return the mean grey level of the outermost tenth of a picture on each side, in [0, 1]."""
    down, across = (max(1, side // 10) for side in grey.shape)
    parts = (grey[:down], grey[-down:], grey[:, :across], grey[:, -across:])
    return float(np.concatenate([part.ravel() for part in parts]).mean() / 255)
