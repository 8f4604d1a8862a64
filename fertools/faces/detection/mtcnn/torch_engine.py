"""The engine of torch networks, on any device.

On a CPU a pyramid level is processed in strips of a few dozen rows. P-Net uses no padding, so strips that overlap by
its window give the same features. Their intermediate results stay in the processor's cache, and their memory is reused.
That makes large levels more than twice as fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.faces.detection.mtcnn.engine import Floats, Ints
from fertools.faces.detection.mtcnn.local_search import REACH, collect_proposals, squares_around
from fertools.faces.detection.mtcnn.networks import ONet, PNet, RNet
from fertools.faces.detection.mtcnn.patches import Patches
from fertools.faces.detection.mtcnn.pooling import crop, shrink, shrink_squares
from fertools.faces.detection.mtcnn.proposals import (
    CENTRE,
    SPAN,
    STRIDE_PX,
    WINDOW_PX,
    Level,
    Proposals,
    logit_threshold,
    order_proposals,
)
from fertools.faces.detection.mtcnn.summed_area import AreaTable
from fertools.faces.detection.mtcnn.weights import CascadeWeights

Module = TypeVar("Module", bound=nn.Module)

Table = AreaTable | Patches
"""The forms of pictures that the networks read from."""

STRIP_PX = 80_000
"""Pixels of a level per call of P-Net on a CPU."""

# Crops per call of R-Net and O-Net. On a CPU a small number is fastest, because the layers stay in the cache.
_CROPS = {"cpu": (64, 16), "cuda": (4096, 1024), "mps": (1024, 256)}


class TorchEngine:
    """An `Engine` of torch modules.

    Args:
        weights: weights of the three networks.
        device: device of the networks.
    """

    # Maximum number of pixels in tables at a time. The allocator reuses memory of this size. For larger tables it
    # requests new memory from the system, which costs more than the work on them.
    near_px: float = 6_000_000

    def __init__(self, weights: CascadeWeights, device: torch.device) -> None:
        self._device = device
        self._pnet = loaded(PNet(), weights.pnet, device)
        self._rnet = loaded(RNet(), weights.rnet, device)
        self._onet = loaded(ONet(), weights.onet, device)
        self._strip_px = STRIP_PX if device.type == "cpu" else None
        self._crops = _CROPS.get(device.type, _CROPS["cpu"])
        # All three networks read from a table, so it is copied to a GPU only once.
        self._moved: WeakKeyDictionary[Table, Tensor] = WeakKeyDictionary()

    def view(self, frames: Sequence[NDArray[np.uint8]]) -> AreaTable:
        """See `Engine`."""
        return AreaTable.of(frames)

    def view_near(self, frames: Sequence[NDArray[np.uint8]], frame: Ints, boxes: Floats) -> Patches:
        """See `Engine`."""
        return Patches.around(frames, frame, boxes, REACH)

    def propose(self, view: AreaTable, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """See `Engine`."""
        with torch.inference_mode():
            sums = self._sums(view)
            return [propose(self._pnet, sums, scale, threshold, self._strip_px) for scale in scales]

    def propose_near(
        self, view: Patches, frame: Ints, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """See `Engine`."""
        squares = squares_around(boxes, scales, view.height, view.width)
        parts: list[tuple[Ints, Ints, Floats, Floats]] = []
        with torch.inference_mode():
            sums = self._sums(view)
            for side_px in np.unique(squares.side_px).tolist():
                numbers = np.flatnonzero(squares.side_px == side_px)
                count = max(1, STRIP_PX // side_px**2)
                for first in range(0, len(numbers), count):
                    some = numbers[first : first + count]
                    corner = squares.corner[some]
                    part, level_px = squares.place[some], squares.level_px[some]
                    pixels = shrink_squares(sums, view, part, level_px, corner, side_px, centre=CENTRE, span=SPAN)
                    at, scores, offsets = _passed(self._pnet, pixels, threshold)
                    steps = at[:, :0:-1] + corner[at[:, 0]] // 2
                    # Beyond the level a square has no windows.
                    inside = (steps < squares.steps[some][at[:, 0]]).all(axis=1)
                    parts.append((some[at[inside, 0]], steps[inside], scores[inside], offsets[inside]))
        if not parts:
            return []
        which, steps, scores, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
        return collect_proposals(squares, which, frame[squares.place[which]], steps, scores, offsets)

    def refine(self, view: Table, windows: Ints) -> tuple[Floats, Floats]:
        """See `Engine`."""
        scores, offsets = self._run_network(self._rnet, self._crops[0], RNet.INPUT_PX, view, windows)
        return scores, offsets

    def place(self, view: Table, windows: Ints) -> tuple[Floats, Floats, Floats]:
        """See `Engine`."""
        scores, offsets, points = self._run_network(self._onet, self._crops[1], ONet.INPUT_PX, view, windows)
        return scores, offsets, points

    def _run_network(self, network: nn.Module, count: int, size_px: int, table: Table, windows: Ints) -> list[Floats]:
        outputs: list[tuple[Tensor, ...]] = []
        with torch.inference_mode():
            # One call even without windows, for outputs of the right shapes.
            for first in range(0, max(1, len(windows)), count):
                crops = crop(self._sums(table), windows[first : first + count], size_px, centre=CENTRE, span=SPAN)
                outputs.append(network(crops.permute(0, 3, 1, 2)))
        return [torch.cat(parts).cpu().numpy() for parts in zip(*outputs, strict=True)]

    def _sums(self, table: Table) -> Tensor:
        """Return the sums of a table on the device."""
        if self._device.type == "cpu":
            return torch.from_numpy(table.sums)
        if table not in self._moved:
            self._moved[table] = torch.from_numpy(table.sums).to(self._device)
        return self._moved[table]


def propose(network: PNet, sums: Tensor, scale: float, threshold: float, strip_px: int | None) -> Proposals:
    """Return the windows of one pyramid level whose face probability reaches `threshold`.

    Args:
        network: P-Net, on the device of `sums`.
        sums: sums of an `AreaTable`.
        scale: scale of the level.
        threshold: minimum probability, between 0 and 1.
        strip_px: approximate number of pixels of the level per strip; None processes the whole level at once.
    """
    level = Level.of(sums.shape[1] - 1, sums.shape[2] - 1, scale)
    step = level.rows if strip_px is None else max(8, strip_px // (2 * level.width))
    parts = []
    for first in range(0, level.rows, step):
        last = min(first + step, level.rows)
        rows = slice(2 * first, min(2 * last + WINDOW_PX - STRIDE_PX, level.height))
        pixels = shrink(sums, level.height, level.width, rows, centre=CENTRE, span=SPAN)
        at, scores, offsets = _passed(network, pixels, threshold)
        at[:, 1] += first
        parts.append((at, scores, offsets))
    at, scores, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
    return order_proposals(at[:, 0], at[:, :0:-1], scores, offsets, scale)


def _passed(network: PNet, pixels: Tensor, threshold: float) -> tuple[Ints, Floats, Floats]:
    """Return the windows of pictures (n, height, width, 3) whose probability reaches a threshold.

    Returns:
        Index of the picture, row and column of each, (n, 3); its probability (n,); its offsets (n, 4).
    """
    features = network(pixels.permute(0, 3, 1, 2))
    place = (network.logits(features) >= logit_threshold(threshold)).nonzero()
    scores, offsets = network.heads(features[tuple(place.unbind(1))])
    keep = scores >= threshold
    return place[keep].cpu().numpy(), scores[keep].cpu().numpy(), offsets[keep].cpu().numpy()


def loaded(network: Module, state: Mapping[str, Floats], device: torch.device) -> Module:
    """Return a network with its weights on a device, in eval mode and without gradients."""
    network.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
    return network.eval().requires_grad_(False).to(device)
