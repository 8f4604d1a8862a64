"""Read a picture in the forms that Python users have: the path of a file, a PIL image or an RGB array."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fertools.core.errors import InputError
from fertools.sources.images import read_image, to_rgb

Rgb = NDArray[np.uint8]
PictureLike: TypeAlias = "str | Path | Image.Image | Rgb"
"""The path of a file, a PIL image, or an HxWx3 uint8 RGB array."""


def is_one(pictures: PictureLike | Iterable[PictureLike]) -> bool:
    """Return whether the argument is one picture and not several; an array with four dimensions is several."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim != 4
    return isinstance(pictures, str | Path | Image.Image)


def list_pictures(pictures: PictureLike | Iterable[PictureLike]) -> list[PictureLike]:
    """Return pictures as a list; one picture becomes a list of one.

    Raises:
        InputError: the argument is neither a picture nor several.
    """
    if is_one(pictures):
        return [pictures]  # type: ignore[list-item]
    if not isinstance(pictures, Iterable):
        raise _strange(pictures)
    return list(pictures)


def read_picture(picture: PictureLike) -> Rgb:
    """Return a picture as HxWx3 uint8 RGB, upright.

    Args:
        picture: the path of a file, a PIL image, or an array, which is returned unchanged.

    Raises:
        InputError: the file cannot be read or is no picture, or the array has another shape or type.

    Example:
        >>> read_picture(np.zeros((4, 6, 3), np.uint8)).shape
        (4, 6, 3)
    """
    if isinstance(picture, str | Path):
        return read_image(Path(picture).expanduser())
    if isinstance(picture, Image.Image):
        return to_rgb(ImageOps.exif_transpose(picture), Path(getattr(picture, "filename", "") or "the picture"))
    if not isinstance(picture, np.ndarray):
        raise _strange(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InputError(
            f"the array of a picture has the shape {picture.shape} and the type {picture.dtype}; give height x width x "
            "3 bytes (uint8) in the order red, green, blue"
        )
    return picture


def name_picture(picture: PictureLike, number: int) -> str:
    """Return the name of a picture in results: the path of its file, or its number.

    Args:
        picture: the given picture.
        number: index of the picture in the call, from 0.
    """
    if isinstance(picture, str | Path):
        return str(picture)
    return str(getattr(picture, "filename", "") or number)


def _strange(value: object) -> InputError:
    return InputError(f"{type(value).__name__} is no picture; give the path of a file, a PIL image or an RGB array")
