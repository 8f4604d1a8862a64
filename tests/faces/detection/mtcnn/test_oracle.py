from __future__ import annotations

import importlib
import sys

import pytest
import torch

from tests.faces.detection.mtcnn import oracle


def test_the_stub_leaves_nothing_behind() -> None:
    before = dict(sys.modules)
    with oracle.stub_torchvision():
        package = importlib.import_module("facenet_pytorch")
        assert "torchvision" in sys.modules
    assert package.MTCNN
    assert not {"torchvision", "facenet_pytorch"} & (set(sys.modules) - set(before))


def test_the_stub_is_cleared_away_after_a_failure() -> None:
    with pytest.raises(RuntimeError, match="halfway"), oracle.stub_torchvision():
        raise RuntimeError("halfway")
    assert not hasattr(sys.modules.get("torchvision"), "never")
    assert "torchvision.ops.boxes" not in sys.modules or sys.modules["torchvision.ops.boxes"].__spec__ is not None


def test_nms_keeps_the_best_of_each_pile() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [0, 0, 10, 10]])
    scores = torch.tensor([0.8, 0.9, 0.7, 0.9])
    assert oracle.nms(boxes, scores, 0.5).tolist() == [1, 2]
