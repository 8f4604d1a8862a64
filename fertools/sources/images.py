"""One picture as RGB, whatever it was stored as.

Orientation metadata is applied; transparent parts show white; grey becomes three equal channels; 16-bit
values are scaled to 8 bits by their full range.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fertools.core.errors import InputError

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
                return _to_rgb(ImageOps.exif_transpose(picture), path)
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a picture") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} has too many pixels to be a photograph; shrink it first") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise InputError(f"cannot read {path}: its content is damaged ({error})") from error


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
