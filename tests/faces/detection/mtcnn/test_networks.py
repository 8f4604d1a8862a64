from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.faces.detection.mtcnn import networks
from fertools.faces.detection.mtcnn.networks import ONet, PNet, RNet
from fertools.faces.detection.mtcnn.torch_engine import loaded
from fertools.faces.detection.mtcnn.weights import load_weights
from tests.faces.detection.mtcnn.oracle import facenet_mtcnn

CPU = torch.device("cpu")


@pytest.mark.parametrize(("network", "count"), [(PNet, 6_632), (RNet, 100_178), (ONet, 389_040)])
def test_parameter_counts(network: type[torch.nn.Module], count: int) -> None:
    assert sum(parameter.numel() for parameter in network().parameters()) == count


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 13), (40, 57), (57, 40)])
def test_pnet_answers_as_the_oracle(height: int, width: int) -> None:
    network = loaded(PNet(), load_weights().pnet, CPU)
    pictures = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        offsets, probabilities = facenet_mtcnn().pnet(pictures)
        features = network(pictures)
        scored, moved = network.heads(features.flatten(0, 2))
        logits = network.logits(features)
    assert features.shape == (2, -(-height // 2) - 5, -(-width // 2) - 5, 32)
    torch.testing.assert_close(scored.view(features.shape[:3]), probabilities[:, 1])
    torch.testing.assert_close(logits.sigmoid(), probabilities[:, 1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moved.view(*features.shape[:3], 4), offsets.permute(0, 2, 3, 1), atol=1e-5, rtol=1e-4)


def test_rnet_and_onet_answer_as_the_oracle() -> None:
    weights, oracle = load_weights(), facenet_mtcnn()
    refine, finish = loaded(RNet(), weights.rnet, CPU), loaded(ONet(), weights.onet, CPU)
    generator = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        crops = torch.rand(5, 3, 24, 24, generator=generator) * 2 - 1
        (offsets, scores), (score, offset) = oracle.rnet(crops), refine(crops)
        torch.testing.assert_close(score, scores[:, 1])
        torch.testing.assert_close(offset, offsets)
        crops = torch.rand(5, 3, 48, 48, generator=generator) * 2 - 1
        (offsets, points, scores), (score, offset, point) = oracle.onet(crops), finish(crops)
    torch.testing.assert_close(score, scores[:, 1])
    torch.testing.assert_close(offset, offsets)
    torch.testing.assert_close(point.flatten(1), points)


@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_own_pooling_and_bending_change_nothing(n: int, height: int, width: int, channels: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, height, width, channels, generator=generator).permute(0, 3, 1, 2)
    slopes = torch.randn(channels, generator=generator)
    assert torch.equal(networks._halve(x), F.max_pool2d(x, 2, 2, ceil_mode=True))
    assert torch.equal(networks._prelu(x, slopes), F.prelu(x, slopes))
