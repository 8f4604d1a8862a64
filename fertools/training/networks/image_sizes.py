"""Image sizes that networks take, available without importing torch."""

from __future__ import annotations

RESNET_GENERATOR_STEP_PX = 4
"""The side of a ResNet generator's images is a multiple of this, because the network halves it twice."""
RESNET_GENERATOR_LEAST_PX = 8
"""The smallest side: reflection padding and instance norm need two pixels in the smallest feature map."""


def patchgan_least_px(layers: int) -> int:
    """Return the smallest side of an image for a PatchGAN with `layers` strided layers, in pixels.

    Example:
        >>> patchgan_least_px(3)
        24
    """
    return 3 << layers
