"""One picture as RGB, whatever it was stored as.

Orientation metadata is applied; transparent parts show white; grey becomes three equal channels; 16-bit
values are scaled to 8 bits by their full range.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from fertools.core.errors import InputError, first_line
from fertools.core.explain import raise_of_machine
from fertools.sources.orientation import Orientation

_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the picture at `path` as an (H, W, 3) uint8 RGB array, upright.

    Of a file with several pages or frames, the first is read.

    Raises:
        InputError: the file cannot be read, is not a picture, is cut off, holds floating-point pixels, or is
            implausibly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Pillow also warns of odd metadata in pictures that it decodes well.
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path) as picture:
                picture.load()
                return _orientation(picture).apply(_to_rgb(picture, path))
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} has too many pixels to be a photograph; shrink it first") from error
    except InputError:
        raise
    except OSError as error:
        raise_of_machine(error, path)
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    # Pillow raises errors of many kinds for damaged content, of memory too: the size that a file states may be wrong.
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"cannot read {path}: its content is damaged ({reason})") from error


def _orientation(picture: Image.Image) -> Orientation:
    """Return which way up a picture is; as it is stored where its metadata cannot be read."""
    try:
        return Orientation.of_exif(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # struct.error, SyntaxError, TypeError and others, of which no list can be whole
        return Orientation()


def _to_rgb(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    if picture.mode in _WIDE_MODES:
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        wide = np.asarray(picture).astype(np.float64)
        grey = np.clip(np.round(wide / 257.0), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode == "F":
        raise InputError(f"{path} holds floating-point pixels, which have no agreed range; convert it to 8 or 16 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        picture = Image.alpha_composite(white, layer)
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"), dtype=np.uint8))
