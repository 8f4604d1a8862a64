"""Sizes of images that networks can take, known without importing torch."""

from __future__ import annotations

RESNET_GENERATOR_STEP_PX = 4
"""The sides of a ResNet generator's images are multiples of this: it halves them twice and doubles them again."""
RESNET_GENERATOR_LEAST_PX = 8
"""Its smallest side: reflection padding and instance norm need two pixels in the smallest feature map."""


def patchgan_least_px(layers: int) -> int:
    """Return the side of the smallest image in which a PatchGAN with `layers` strided layers judges a patch.

    Example:
        >>> patchgan_least_px(3)
        24
    """
    return 3 << layers
