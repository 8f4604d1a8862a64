"""Ten crops of a face, over which predictions are averaged.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (2012),
section 4.1, with crops of 224 of 256 pixels. Here the crops are resized, so that every network can take them.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

_SHARE = 7 / 8
"""Side of a crop as a share of the side of the face."""


def ten_crops(images: Tensor) -> Iterator[Tensor]:
    """Yield the four corners and the centre of each image, and the mirror image of each.

    Args:
        images: NxCxSxS images.

    Yields:
        NxCxSxS crops with 7/8 of the side, resized to the size of the images.
    """
    size = images.shape[-1]
    side = round(size * _SHARE)
    far, middle = size - side, (size - side) // 2
    for top, left in ((0, 0), (0, far), (far, 0), (far, far), (middle, middle)):
        crop = images[..., top : top + side, left : left + side]
        crop = F.interpolate(crop, (size, size), mode="bilinear", align_corners=False)
        yield crop
        yield crop.flip(-1)
