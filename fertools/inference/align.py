"""`align`: return the aligned crop of one face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.faces.alignment import align as align_landmarks
from fertools.inference.detect import Face
from fertools.inference.pictures import PictureLike, Rgb, read_picture


def align(
    picture: PictureLike, face: Face | NDArray[np.floating], template: str = "arcface", size_px: int = 112
) -> Rgb:
    """Return the crop of a face, shifted, rotated and scaled so that its landmarks match those of a template.

    Pixels outside of the picture are black.

    Args:
        picture: the path of a file, a PIL image or an HxWx3 uint8 RGB array.
        face: a face from `detect` for this picture, or (5, 2) landmarks in its pixels, ordered as `Face.landmarks`.
        template: `arcface`, `celeba`, `ffhq`, `tight` or `loose`.
        size_px: side of the crop in pixels, 16 or more.

    Returns:
        (size_px, size_px, 3) uint8 RGB.

    Raises:
        InputError: the picture cannot be read, the template is unknown, or the landmarks fit no face.

    Example:
        >>> from skimage.data import astronaut
        >>> from fertools import detect
        >>> crop = align(astronaut(), detect(astronaut())[0], template="arcface", size_px=112)
        >>> crop.shape, crop.dtype.name
        ((112, 112, 3), 'uint8')
    """
    if size_px < 16:
        raise InputError(f"{argument('size_px')} is {size_px}; give 16 or more")
    landmarks = face.landmarks if isinstance(face, Face) else np.asarray(face, np.float32)
    crop, _ = align_landmarks(read_picture(picture), landmarks, template, size_px)
    return crop
