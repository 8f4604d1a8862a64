"""`detect`: find the faces of one picture, or of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from fertools.core.device import choose_device
from fertools.core.notebook import html_table
from fertools.faces.detection.detections import Detections
from fertools.faces.detection.detector import Detector, DetectorOptions
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.registry import load_detector
from fertools.inference.pictures import PictureLike, Rgb, is_one, list_pictures, read_picture

_AT_A_TIME = 16
"""Number of pictures in memory at once."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture.

    Attributes:
        box: x1, y1, x2, y2 in pixels; float32. It may extend beyond the picture.
        landmarks: (5, 2) float32 x, y in pixels: left eye, right eye, nose, left and right mouth corner. Left is the
            smaller x in an upright picture.
        score: face probability by the detector, 0 to 1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """The area of the box in square pixels."""
        x1, y1, x2, y2 = self.box.tolist()
        return float((x2 - x1) * (y2 - y1))


class Faces(Sequence[Face]):
    """The faces of one picture, highest score first.

    Attributes:
        boxes: N x 4 float32 x1, y1, x2, y2 in pixels.
        landmarks: N x 5 x 2 float32 x, y in pixels, in the order of `Face.landmarks`.
        scores: N float32 face probabilities.
    """

    def __init__(self, found: Detections) -> None:
        self.boxes, self.landmarks, self.scores = found.boxes, found.landmarks, found.scores

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, place: int) -> Face: ...
    @overload
    def __getitem__(self, place: slice) -> list[Face]: ...
    def __getitem__(self, place: int | slice) -> Face | list[Face]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        return Face(self.boxes[place], self.landmarks[place], float(self.scores[place]))

    def __repr__(self) -> str:
        return f"Faces({[face.box.round().astype(int).tolist() for face in self]})"

    def _repr_html_(self) -> str:
        rows = [(number, *face.box.round(1).tolist(), face.score) for number, face in enumerate(self)]
        caption = f"{len(self)} face{'' if len(self) == 1 else 's'}"
        return html_table(caption, ("", "x1", "y1", "x2", "y2", "score"), rows)


# A string is one path, although it is also an iterable of strings.
@overload
def detect(  # type: ignore[overload-overlap]
    pictures: PictureLike,
    *,
    detector: str = ...,
    min_face: float | MinFace = ...,
    weights: str | Path = ...,
    device: str = ...,
) -> Faces: ...
@overload
def detect(
    pictures: Iterable[PictureLike],
    *,
    detector: str = ...,
    min_face: float | MinFace = ...,
    weights: str | Path = ...,
    device: str = ...,
) -> list[Faces]: ...
def detect(
    pictures: PictureLike | Iterable[PictureLike],
    *,
    detector: str = "mtcnn",
    min_face: float | MinFace = 20,
    weights: str | Path = "auto",
    device: str = "auto",
) -> Faces | list[Faces]:
    """Find the faces of one picture, or of each of several pictures.

    Args:
        pictures: the path of a file, a PIL image or an HxWx3 uint8 RGB array; or several of these.
        detector: name of a detector: `mtcnn`, `yunet`, or one that an installed package registers.
        min_face: smallest face to search for: pixels, or a share of the picture's short side such as
            `MinFace(share=0.1)`.
        weights: weights of the detector: `auto`, the name of a package that carries them, or a path.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Returns:
        The faces of one picture; for several pictures a list with the faces of each, in the given order.

    Raises:
        InputError: a file cannot be read or is no picture, or an argument is out of range.
        DeviceError: the device is unknown or not on this machine.

    Example:
        >>> from skimage.data import astronaut
        >>> faces = detect(astronaut())
        >>> len(faces), faces[0].box.round().tolist(), faces[0].landmarks.shape
        (1, [181.0, 62.0, 268.0, 172.0], (5, 2))
    """
    search = find_detector(detector, min_face=min_face, weights=str(weights), device=choose_device(device))
    if is_one(pictures):
        return Faces(search.detect([read_picture(pictures)])[0])  # type: ignore[arg-type]
    return [Faces(found) for found in _detect_all(search, list_pictures(pictures))]


@lru_cache(maxsize=4)
def find_detector(name: str, *, min_face: float | MinFace, weights: str, device: str) -> Detector:
    """Return a detector; equal arguments give the same one, because loading its networks is slow."""
    return load_detector(name, DetectorOptions(min_face=MinFace.of(min_face), weights=weights, device=device))


def largest(faces: Faces) -> Face | None:
    """Return the face with the largest box; None if there is none."""
    return max(faces, key=lambda face: face.area, default=None)


def _detect_all(search: Detector, pictures: list[PictureLike]) -> Iterator[Detections]:
    for start in range(0, len(pictures), _AT_A_TIME):
        frames: list[Rgb] = [read_picture(picture) for picture in pictures[start : start + _AT_A_TIME]]
        yield from search.detect(frames)
