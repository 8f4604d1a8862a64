from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.faces.detection.mtcnn.networks import PNet
from fertools.faces.detection.mtcnn.proposals import WINDOW_PX, pyramid, sigmoid
from fertools.faces.detection.mtcnn.summed_area import AreaTable
from fertools.faces.detection.mtcnn.torch_engine import STRIP_PX, loaded, propose
from fertools.faces.detection.mtcnn.weights import load_weights
from tests.faces.detection.mtcnn import oracle
from tests.faces.scenes import Picture, scene


def _network() -> PNet:
    return loaded(PNet(), load_weights().pnet, torch.device("cpu"))


def _reference() -> Any:
    with oracle.stub_torchvision():
        return importlib.import_module("facenet_pytorch.models.utils.detect_face")


NETWORK = _network()
REFERENCE = _reference()


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(12, 400), st.floats(0.1, 0.95))
@settings(deadline=None, max_examples=100)
def test_the_pyramid_goes_from_the_smallest_face_to_the_largest(
    height: int, width: int, min_face_px: float, factor: float
) -> None:
    scales = list(pyramid(height, width, min_face_px, factor))
    short = min(height, width)
    if short < min_face_px * (1 - 1e-9):
        assert not scales
        return
    faces_px = [WINDOW_PX / scale for scale in scales]
    assert faces_px == sorted(faces_px)
    assert all(px <= short * (1 + 1e-9) for px in faces_px)
    if scales:
        assert faces_px[0] == pytest.approx(min_face_px)
        np.testing.assert_allclose(np.divide(scales[1:], scales[:-1]), factor)
        # No scale is left out at the end: the next one's face would be larger than the picture.
        assert faces_px[-1] / factor > short * (1 - 1e-9)


@pytest.mark.parametrize("scale", [0.6, 0.4254, 0.3, 0.1])
@pytest.mark.parametrize("strip_px", [None, 2000, STRIP_PX])
def test_windows_are_the_oracles(portrait: Picture, scale: float, strip_px: int | None) -> None:
    pictures = [portrait, scene(portrait, 512, 512, [(200, 30, 200), (260, 240, 10)])]
    with torch.inference_mode():
        ours = propose(NETWORK, torch.from_numpy(AreaTable.of(pictures).sums), scale, 0.6, strip_px)
        stack = torch.stack([torch.from_numpy(picture).permute(2, 0, 1).float() for picture in pictures])
        side = int(512 * scale + 1)
        level = (F.interpolate(stack, size=(side, side), mode="area") - 127.5) * 0.0078125
        offsets, probabilities = oracle.facenet_mtcnn().pnet(level)
        windows, numbers = REFERENCE.generateBoundingBox(offsets, probabilities[:, 1], scale, 0.6)
    assert len(windows) > 0, "the oracle proposes nothing: this scale tests nothing"
    # The oracle's windows come column by column, ours row by row.
    order = np.lexsort((windows[:, 0], windows[:, 1], numbers))
    np.testing.assert_array_equal(ours.picture, numbers.numpy()[order])
    np.testing.assert_array_equal(ours.boxes, windows.numpy()[order, :4])
    np.testing.assert_allclose(ours.scores, windows.numpy()[order, 4], atol=1e-4)
    np.testing.assert_allclose(ours.offsets, windows.numpy()[order, 5:], atol=1e-4)


def test_nothing_is_proposed_where_nothing_is() -> None:
    sums = torch.from_numpy(AreaTable.of([np.full((60, 80, 3), 128, dtype=np.uint8)]).sums)
    with torch.inference_mode():
        none = propose(NETWORK, sums, 0.6, 0.6, None)
    assert none.boxes.shape == none.offsets.shape == (0, 4)
    assert len(none.picture) == len(none.scores) == 0


def test_a_probability_is_that_of_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 30, (1000, 2)).astype(np.float32)
    wanted = torch.from_numpy(logits).softmax(1)[:, 1]
    np.testing.assert_allclose(sigmoid(logits[:, 1] - logits[:, 0]), wanted, rtol=1e-5, atol=1e-30)
    assert sigmoid(np.array([-1000.0, 1000.0], np.float32)).tolist() == [0.0, 1.0]
