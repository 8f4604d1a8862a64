"""L1, PSNR and SSIM against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fertools.training.evaluation.image_similarity import reconstruction_metrics


def pictures(seed: int, side: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand((3, 3, 6, 6), generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(rough, (side, side), mode="bilinear")


def test_measures_are_those_of_scikit_image() -> None:
    one = pictures(0)
    two = (one + 0.2 * pictures(1)).clamp(-1, 1)
    found = reconstruction_metrics(one.double(), two.double()).numpy()
    assert reconstruction_metrics(one, two).numpy() == pytest.approx(found, rel=1e-5)
    for index in range(3):
        x, y = (side[index].permute(1, 2, 0).double().numpy() for side in (one, two))
        ssim = structural_similarity(
            x, y, data_range=2, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        wanted = (np.abs(x - y).mean(), peak_signal_noise_ratio(x, y, data_range=2), ssim)
        assert found[index] == pytest.approx(wanted, rel=1e-6)


def test_a_picture_that_comes_back_as_it_was_has_the_best_there_is() -> None:
    one = pictures(0)
    found = reconstruction_metrics(one, one).numpy()
    assert found[:, 0] == pytest.approx(0)
    assert found[:, 1] == pytest.approx(10 * np.log10(12 * 255**2))
    assert found[:, 2] == pytest.approx(1)


@pytest.mark.parametrize("side", [4, 8, 10])
def test_pictures_smaller_than_the_window_have_a_smaller_one(side: int) -> None:
    one, two = pictures(0, side), pictures(1, side)
    found = reconstruction_metrics(one, two)[:, 2]
    assert torch.isfinite(found).all()
    assert (found < 0.9).all()
