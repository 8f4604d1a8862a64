"""Named templates of the five points, which define aligned crops.

A template is five points in the unit square, from (0, 0) at the upper left to (1, 1) at the lower right corner: left
eye, right eye, nose, left and right mouth corner; left is the smaller x. In a crop of `size_px` pixels, the centre of
the first pixel is at 0.5 / size_px, so a template shows the same area at every size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError

_Points = tuple[tuple[float, float], ...]


def _unit(points: _Points, size_px: float, top_px: float = 0.0) -> NDArray[np.float64]:
    """Return pixel positions in a square of `size_px`, whose first row is row `top_px`, as unit coordinates."""
    corner = np.array([0.0, top_px])
    return np.asarray((np.array(points) - corner + 0.5) / size_px)


def _shrunk(points: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return the template of the same face in a square `factor` times as large with the same centre."""
    return (points - 0.5) / factor + 0.5


# Deng, Guo, Xue and Zafeiriou, "ArcFace", CVPR 2019: the 112 x 112 reference points of its released code
# (deepinsight/insightface, python-package/insightface/utils/face_align.py). A tight crop from brow to chin.
_ARCFACE = _unit(
    ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)), 112
)

# Five points of the faces of FFHQ (Karras, Laine and Aila, CVPR 2019) at 512 x 512, as used by the face restorers that
# were trained on it (xinntao/facexlib, facexlib/utils/face_restoration_helper.py). Hair and shoulders are visible.
_FFHQ = _unit(
    (
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ),
    512,
)

# Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015: mean five points of the aligned
# 178 x 218 pictures, rounded to pixels, in the central 178 x 178 square that GAN papers crop. podgorskiy/ALAE aligns to
# them. The eyes and the middle of the mouth agree to a pixel with the three points of CelebA's own alignment function.
_CELEBA = _unit(((69, 111), (108, 111), (88, 136), (72, 152), (105, 152)), 178, top_px=20)

# Mean positions of MTCNN's points in its own box, made square by its longer side (the box is 1.33 times as high as
# wide). They come from 151 near-frontal faces (yaw within 15, roll within 10 degrees, score above 0.99) in photographs
# of adults, found by this package's detector, and were made symmetric. Standard deviations are 0.02 to 0.05.
_TIGHT = np.array(((0.3265, 0.3873), (0.6735, 0.3873), (0.5, 0.5863), (0.3488, 0.7583), (0.6512, 0.7583)))

# facenet's usual crop: a margin of 32 in 160 pixels, so a square of 160 / 128 = 1.25 times the side of the face.
_LOOSE = _shrunk(_TIGHT, 1.25)

_TEMPLATES = {"arcface": _ARCFACE, "celeba": _CELEBA, "ffhq": _FFHQ, "loose": _LOOSE, "tight": _TIGHT}


def template_names() -> tuple[str, ...]:
    """Return the names of all templates, in alphabetical order."""
    return tuple(_TEMPLATES)


def template(name: str) -> NDArray[np.float64]:
    """Return the five points, (5, 2) float64 in the unit square, of a template.

    Args:
        name: `arcface`, `celeba`, `ffhq`, `tight` (the detector's box, made square) or `loose` (a square 1.25 times
            the side of `tight`).

    Raises:
        InputError: there is no such template.
    """
    if name not in _TEMPLATES:
        raise InputError(f"there is no template '{name}'; choose one of {', '.join(_TEMPLATES)}")
    return _TEMPLATES[name].copy()
