"""Call the compiled code with NumPy arrays.

The calls release the GIL, except short ones, so threads do not wait for one another. The results are the same to the
last bit in every thread and batch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fertools.core.native.build import levels, library_path

PICTURE = np.dtype([(name, np.int64) for name in ("pixels", "row_bytes", "width", "height")])
"""Location of a picture in memory; see `Picture` in `areas.hpp`."""

REGION = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("picture", "level_width", "level_height"),
            *("first_row", "last_row", "first_column", "last_column"),
        )
    ]
)
"""Steps of P-Net on a level of the pyramid; see `Region` in `propose.cpp`."""

FOUND = np.dtype(
    [("region", np.int32), ("row", np.int32), ("column", np.int32), ("logit", np.float32), ("offsets", np.float32, 4)]
)
"""A step of P-Net that may be a face: its position, logit and box offsets."""

R_OUTPUTS, O_OUTPUTS = 8, 16
"""Outputs of a network per window: two logits, four offsets, and ten point coordinates or two of padding."""

MISSING = (
    "not compiled for this processor, so it runs at a half to a fifth of its speed; with a C++ compiler: "
    "python -m fertools.core.native.build"
)
"""Remark for the user if there is no library."""

_ROOM = 4096
_FEW = 200


class Pictures:
    """Input pictures of the networks, all of one size.

    Args:
        frames: (height, width, 3) uint8, one at least.

    Raises:
        ValueError: the pictures have different sizes or another type.

    Attributes:
        height: height in pixels.
        width: width in pixels.
        places: `PICTURE` of each picture.
    """

    def __init__(self, frames: Sequence[NDArray[np.uint8]]) -> None:
        self.height, self.width = map(int, frames[0].shape[:2])
        if any(frame.shape != (self.height, self.width, 3) or frame.dtype != np.uint8 for frame in frames):
            shapes = ", ".join(f"{frame.dtype} {frame.shape}" for frame in frames)
            raise ValueError(f"pictures of one call must be uint8 RGB of one size, not {shapes}")
        # Kept alive, because `places` has their addresses.
        self._frames = [_in_rows(frame) for frame in frames]
        places = [(frame.ctypes.data, frame.strides[0], self.width, self.height) for frame in self._frames]
        self.places = np.array(places, PICTURE)

    def windows(self, picture: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return boxes in the form that the networks need, (n, 5): index of the picture, corner, width and height.

        Args:
            picture: (n,) index of each box's picture.
            boxes: (n, 4) x1, y1, x2, y2, all pixels from (x1, y1) to (x2 - 1, y2 - 1), inside the picture.
        """
        return np.column_stack([picture, boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


@dataclass(frozen=True)
class Library:
    """The functions of one compiled library.

    Every array must have the stated type and shape, and every position must be inside its picture. Otherwise ValueError
    is raised before anything is read.

    Attributes:
        level: instruction set of the library.
        _loaded: the library; calls release the GIL.
        _locked: the same library; calls hold the GIL.
    """

    level: str
    _loaded: ctypes.CDLL
    _locked: ctypes.PyDLL

    def pnet(
        self, pictures: Pictures, regions: NDArray[np.void], weights: NDArray[np.float32], least: float
    ) -> NDArray[np.void]:
        """Run P-Net on regions.

        Args:
            pictures: input pictures.
            regions: regions of pyramid levels, `REGION`.
            weights: weights from `packing.pack_pnet`.
            least: minimum logit of a returned step.

        Returns:
            Steps whose logit reaches the minimum, `FOUND`, region by region in reading order.
        """
        room = _ROOM
        while True:
            found = np.empty(room, FOUND)
            count = self._loaded.fertools_pnet(
                *_sized(pictures.places, PICTURE),
                *_sized(regions, REGION),
                *_sized(weights, np.float32),
                ctypes.c_float(least),
                *_sized(found, FOUND),
            )
            if count < 0:
                raise ValueError("a region is not inside its picture, or the weights are not those of P-Net")
            if count <= room:
                return found[:count]
            room = count

    def rnet(self, pictures: Pictures, windows: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return R-Net's outputs (n, R_OUTPUTS) for windows (n, 5) from `Pictures.windows`."""
        return self._run_network("fertools_rnet", R_OUTPUTS, pictures, windows, weights)

    def onet(self, pictures: Pictures, windows: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return O-Net's outputs (n, O_OUTPUTS) for windows (n, 5) from `Pictures.windows`."""
        return self._run_network("fertools_onet", O_OUTPUTS, pictures, windows, weights)

    def suppress(
        self, boxes: NDArray[np.float32], groups: NDArray[np.int64], threshold: float, *, smaller: bool, extra: float
    ) -> NDArray[np.bool_]:
        """Return which boxes (n, 4) are kept; they are sorted by group, best first (see `boxes`)."""
        kept = np.empty(len(boxes), np.bool_)
        # For a few boxes, reacquiring the GIL takes longer than the work.
        loaded = self._locked if len(boxes) < _FEW else self._loaded
        loaded.fertools_suppress(
            *(_address(boxes, np.float32, len(boxes), 4), *_sized(groups, np.int64, len(boxes))),
            *(ctypes.c_float(threshold), ctypes.c_int32(smaller), ctypes.c_float(extra)),
            _address(kept, np.bool_, len(boxes)),
        )
        return kept

    def resample(
        self, picture: NDArray[np.uint8], positions: NDArray[np.int64], weights: NDArray[np.int16], size_px: int
    ) -> NDArray[np.uint8]:
        """Return a crop (size_px, size_px, 3) of a picture; see `fertools.faces.resampling`.

        Args:
            picture: (height, width, 3) uint8; there may be gaps between its rows.
            positions: (6,) positions from `resampling`.
            weights: (128, 4) weights by step and tap.
            size_px: side of the crop.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"a picture is uint8 (height, width, 3), not {picture.dtype} {picture.shape}")
        picture = _in_rows(picture)
        crop = np.empty((size_px, size_px, 3), np.uint8)
        self._loaded.fertools_resample(
            ctypes.c_void_p(picture.ctypes.data),
            *(ctypes.c_int64(number) for number in (*picture.shape[:2], picture.strides[0])),
            *(_address(positions, np.int64, 6), _address(weights, np.int16, 128, 4)),
            *(ctypes.c_int64(size_px), _address(crop, np.uint8)),
        )
        return crop

    def near(
        self,
        hashes: NDArray[np.uint64],
        groups: NDArray[np.int64],
        mirror: NDArray[np.uint64],
        rows: range,
        limit: int,
        most: int,
    ) -> NDArray[np.int64]:
        """Return the later hashes that differ from some rows in few bits; see `fertools.splits.audit.near_duplicates`.

        Args:
            hashes: (N, 4) hashes. The bits that `mirror` has are the last ones.
            groups: (N,) groups; hashes of one group are not compared.
            mirror: (4,) bits that mirroring inverts.
            rows: consecutive row numbers.
            limit: largest number of different bits.
            most: largest number of hashes for each row; the nearest are returned, of equally near ones the first.

        Returns:
            (P, 4): row, later row, number of different bits, and whether the mirrored hash is nearer. The nearest of a
            row are first.
        """
        if not (0 <= rows.start <= rows.stop <= len(hashes) < 2**31 and rows.step == 1 and most > 0):
            raise ValueError(f"there are {len(hashes)} hashes, but rows {rows} and at most {most} each are wanted")
        found = np.empty((len(rows), most, 3), np.int32)
        counts = np.empty(len(rows), np.int64)
        self._loaded.fertools_near(
            *(_address(hashes, np.uint64, len(hashes), 4), _address(groups, np.int64, len(hashes))),
            *(ctypes.c_int64(len(hashes)), _address(mirror, np.uint64, 4)),
            *(ctypes.c_int64(rows.start), ctypes.c_int64(rows.stop), ctypes.c_int32(limit), ctypes.c_int64(most)),
            *(_address(found, np.int32), _address(counts, np.int64)),
        )
        first = np.repeat(np.arange(rows.start, rows.stop), counts)
        distance, second, mirrored = found[np.arange(most) < counts[:, np.newaxis]].T
        return np.column_stack([first, second, distance, mirrored]).astype(np.int64)

    def _run_network(
        self, name: str, output_count: int, pictures: Pictures, windows: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        outputs = np.empty((len(windows), output_count), np.float32)
        done = self._loaded[name](
            *_sized(pictures.places, PICTURE),
            *(_address(windows, np.int64, len(windows), 5), ctypes.c_int64(len(windows))),
            *(*_sized(weights, np.float32), _address(outputs, np.float32)),
        )
        if not done:
            raise ValueError("a window is not inside its picture, or the weights are not those of the network")
        return outputs


@cache
def library() -> Library | None:
    """Return the networks compiled for the best instruction set of this processor; None if there are none."""
    for level in levels():
        path = library_path(level)
        if path.exists() and (loaded := ctypes.CDLL(str(path))).fertools_runs_here():
            loaded.fertools_pnet.restype = ctypes.c_int64
            return Library(level, loaded, ctypes.PyDLL(str(path)))
    return None


def _in_rows(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture whose rows are contiguous."""
    return picture if picture.strides[1:] == (3, 1) else np.ascontiguousarray(picture)


def _sized(
    array: NDArray[np.generic], dtype: np.dtype[np.void] | type, *shape: int
) -> tuple[ctypes.c_void_p, ctypes.c_int64]:
    """Return the address and the size of a one-dimensional array."""
    return _address(array, dtype, *(shape or (array.size,))), ctypes.c_int64(array.size)


def _address(array: NDArray[np.generic], dtype: np.dtype[np.void] | type, *shape: int) -> ctypes.c_void_p:
    """Return the address of an array; without `shape`, any shape is accepted.

    Raises:
        ValueError: the array has another type or shape, or is not contiguous.
    """
    if array.dtype != dtype or (shape and array.shape != shape):
        raise ValueError(f"compiled code was given {array.dtype} {array.shape}, where it reads {dtype} {shape or ''}")
    if not array.flags.c_contiguous:
        raise ValueError("compiled code needs contiguous arrays")
    return ctypes.c_void_p(array.ctypes.data)
