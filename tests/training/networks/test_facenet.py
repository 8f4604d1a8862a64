"""The network that knows people, against the package whose weights it takes."""

from __future__ import annotations

import importlib
import sys
import types
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fertools.core.errors import InputError
from fertools.training.networks.facenet import Facenet, build_facenet
from fertools.training.networks.pretrained import extract_features


@pytest.fixture(scope="module")
def original() -> Any:
    """facenet-pytorch's own network with random weights, from its one file: the package asks for torchvision."""
    spec = util.find_spec("facenet_pytorch")
    assert spec is not None
    assert spec.submodule_search_locations
    package = types.ModuleType("facenet_models")
    package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "models")]
    before = dict(sys.modules)
    sys.modules["facenet_models"] = package
    try:
        module = importlib.import_module("facenet_models.inception_resnet_v1")
    finally:
        for name in set(sys.modules) - set(before):
            if name.split(".")[0] == "facenet_models":
                del sys.modules[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = module.InceptionResnetV1(classify=False, num_classes=None)
        for name, value in network.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    return network.eval()


def test_embeddings_are_those_of_the_package(original: Any) -> None:
    own = build_facenet(original.state_dict() | {"logits.weight": torch.zeros(8631, 512)}, "x.pt")
    assert set(own.state_dict()) == set(original.state_dict())
    faces = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(own(faces), original(faces))


def test_faces_are_brought_to_its_size_and_scale(original: Any) -> None:
    own = build_facenet(original.state_dict(), "x.pt")
    faces = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    scaled = (torch.from_numpy(faces).permute(0, 3, 1, 2).float() - 127.5) / 128
    with torch.no_grad():
        assert extract_features(own, faces) == pytest.approx(original(scaled).numpy(), abs=1e-5)
    found = extract_features(own, faces[:, ::2, ::2])
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_other_weights_are_refused() -> None:
    with pytest.raises(InputError, match=r"y\.pt holds no weights of facenet.* no conv2d_1a\.conv\.weight"):
        build_facenet({"fc.weight": torch.zeros(2, 2)}, "y.pt")


def test_it_has_as_many_weights_as_published() -> None:
    with torch.device("meta"):
        count = sum(value.numel() for value in Facenet().parameters())
    # facenet-pytorch's 27.9 million with a last layer of 8,631 people, which has 8,631 x 513.
    assert count == 23_482_624
