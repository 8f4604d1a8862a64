"""The real facenet-pytorch as an oracle, made to run without torchvision.

facenet-pytorch imports torchvision for two functions. Beside a CPU-only torch the torchvision wheel cannot load, so
both are given here: `to_tensor`, which detection never calls, and `batched_nms`, in a dozen lines of the same rule.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def facenet_mtcnn(min_face_px: int = 20) -> Any:
    """Return facenet-pytorch's detector at its usual settings, all faces kept, the surest first."""
    return _facenet().MTCNN(min_face_size=min_face_px, keep_all=True, select_largest=False)


def facenet_detect(detector: Any, frame: NDArray[np.uint8]) -> Found:
    """Return its boxes (n, 4), scores (n,) and points (n, 5, 2) on one picture."""
    return _found(*detector.detect(frame, landmarks=True))


def facenet_detect_all(detector: Any, frames: list[NDArray[np.uint8]]) -> list[Found]:
    """Return the same of several pictures of one size, given to it in one call."""
    return [_found(*one) for one in zip(*detector.detect(frames, landmarks=True), strict=True)]


def _found(boxes: Any, scores: Any, points: Any) -> Found:
    if boxes is None:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
    return (np.asarray(boxes, np.float32), np.asarray(scores, np.float32), np.asarray(points, np.float32))


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return what torchvision.ops.nms returns: the boxes that no better one overlaps by more, best first."""
    left = np.argsort(-scores.numpy(), kind="stable").tolist()
    x1, y1, x2, y2 = boxes.numpy().T
    area = (x2 - x1) * (y2 - y1)
    kept = []
    while left:
        best, rest = left[0], np.array(left[1:], dtype=np.int64)
        kept.append(best)
        across = np.maximum(np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]), 0)
        down = np.maximum(np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]), 0)
        shared = across * down
        left = rest[~(shared / (area[best] + area[rest] - shared) > threshold)].tolist()
    return torch.tensor(kept, dtype=torch.int64)


def _batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    if boxes.numel() == 0:
        return torch.empty(0, dtype=torch.int64)
    return nms(boxes + (groups.to(boxes) * (boxes.max() + 1))[:, None], scores, threshold)


@cache
def _facenet() -> ModuleType:
    with stub_torchvision():
        return importlib.import_module("facenet_pytorch")


@contextmanager
def stub_torchvision() -> Iterator[None]:
    """Put a torchvision of two functions into sys.modules, and everything back as it was afterwards."""
    names = [f"torchvision{name}" for name in ("", ".transforms", ".transforms.functional", ".ops", ".ops.boxes")]
    modules: dict[str, Any] = {name: ModuleType(name) for name in names}
    for name in names[1:]:
        parent, child = name.rsplit(".", 1)
        setattr(modules[parent], child, modules[name])
    modules["torchvision.transforms.functional"].to_tensor = None
    modules["torchvision.ops.boxes"].batched_nms = _batched_nms
    before = dict(sys.modules)
    sys.modules.update(modules)
    try:
        yield
    finally:
        # facenet_pytorch goes too: whoever imports it later gets it as it is installed.
        for name in [name for name in sys.modules if name.split(".")[0] in ("torchvision", "facenet_pytorch")]:
            del sys.modules[name]
        sys.modules.update({name: before[name] for name in before if name not in sys.modules})
