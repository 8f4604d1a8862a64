"""Reconstruction metrics: L1, PSNR and SSIM of images that were translated and translated back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

METRICS = ("l1", "psnr", "ssim")
"""Names of the columns of `reconstruction_metrics`, in order."""
_RADIUS, _SIGMA = 5, 1.5
"""Radius and standard deviation of the Gaussian window, in pixels: it is 11 pixels wide."""
_K1, _K2 = 0.01, 0.03
_RANGE = 2.0
"""Difference of the largest and the smallest value of an image."""
_ROUNDING = (_RANGE / 255) ** 2 / 12
"""Mean squared rounding error of 8 bits. It is the smallest error that counts, so that a perfect image has a PSNR."""


def reconstruction_metrics(pictures: Tensor, back: Tensor) -> Tensor:
    """Return the metrics of N images and their reconstructions.

    Args:
        pictures: N x C x S x S images in [-1, 1].
        back: their reconstructions, of the same shape and range.

    Returns:
        N x 3: the mean absolute difference on the scale from -1 to 1 (0 is perfect); PSNR in dB (at most 58.9, the
        rounding error of 8 bits); and SSIM, the mean over channels and pixels (1 is perfect).

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), for SSIM,
    with its Gaussian window of 11 pixels, or a smaller one for smaller images.

    Example:
        >>> images = torch.zeros(1, 3, 16, 16)
        >>> [round(value, 1) for value in reconstruction_metrics(images, images)[0].tolist()]
        [0.0, 58.9, 1.0]
    """
    difference = back - pictures
    errors = difference.square().mean(dim=(1, 2, 3)).clamp(min=_ROUNDING)
    psnr = 10 * torch.log10(_RANGE**2 / errors)
    return torch.stack([difference.abs().mean(dim=(1, 2, 3)), psnr, _ssim(pictures, back)], dim=1)


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    channels = x.shape[1]
    radius = min(_RADIUS, (min(x.shape[2:]) - 1) // 2)
    offsets = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    line = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    line = line / line.sum()
    across = line.view(1, 1, 1, -1).expand(channels, 1, 1, -1)

    def blurred(values: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(values, across, groups=channels), across.transpose(2, 3), groups=channels)

    mean_x, mean_y = blurred(x), blurred(y)
    variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
    shared = blurred(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * _RANGE) ** 2, (_K2 * _RANGE) ** 2
    ssim = (2 * mean_x * mean_y + c1) * (2 * shared + c2) / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
    return ssim.mean(dim=(1, 2, 3))
