"""The engine of compiled networks, on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.core.native.library import REGION, Library, Pictures
from fertools.faces.detection.mtcnn.engine import Floats, Ints
from fertools.faces.detection.mtcnn.local_search import collect_proposals, squares_around
from fertools.faces.detection.mtcnn.packing import pack_onet, pack_pnet, pack_rnet
from fertools.faces.detection.mtcnn.proposals import Level, Proposals, logit_threshold, sigmoid
from fertools.faces.detection.mtcnn.pyramid_pruning import propose_pruned
from fertools.faces.detection.mtcnn.weights import CascadeWeights


class CompiledEngine:
    """An `Engine` of compiled networks, with pyramid pruning.

    Args:
        library: the compiled networks.
        weights: weights of the three networks.
    """

    near_px = float("inf")

    def __init__(self, library: Library, weights: CascadeWeights) -> None:
        self._library = library
        self._pnet, self._rnet, self._onet = pack_pnet(weights.pnet), pack_rnet(weights.rnet), pack_onet(weights.onet)

    def view(self, frames: Sequence[NDArray[np.uint8]]) -> Pictures:
        """See `Engine`."""
        return Pictures(frames)

    def view_near(self, frames: Sequence[NDArray[np.uint8]], frame: Ints, boxes: Floats) -> Pictures:
        """See `Engine`. The view has whole pictures, because only the searched parts cost anything."""
        return Pictures(frames)

    def propose(self, view: Pictures, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """See `Engine`; for one picture."""

        def evaluate(level: Level, steps: Ints, least: float) -> tuple[Ints, Floats, Floats]:
            regions = np.zeros(len(steps), REGION)
            _fill(regions, level_width=level.width, level_height=level.height)
            _fill_steps(regions, steps[:, :2], steps[:, 2:])
            found = self._library.pnet(view, regions, self._pnet, least)
            return _steps_of(found), found["logit"], found["offsets"]

        levels = [Level.of(view.height, view.width, scale) for scale in scales]
        return propose_pruned(levels, threshold, evaluate)

    def propose_near(
        self, view: Pictures, frame: Ints, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """See `Engine`."""
        squares = squares_around(boxes, scales, view.height, view.width)
        regions = np.zeros(len(squares), REGION)
        _fill(regions, picture=frame[squares.place])
        _fill(regions, level_width=squares.level_px[:, 0], level_height=squares.level_px[:, 1])
        _fill_steps(regions, squares.corner // 2, squares.steps)
        found = self._library.pnet(view, regions, self._pnet, logit_threshold(threshold))
        scores = sigmoid(found["logit"])
        found, scores = found[scores >= threshold], scores[scores >= threshold]
        which = found["region"].astype(np.int64)
        return collect_proposals(
            squares, which, frame[squares.place[which]], _steps_of(found), scores, found["offsets"]
        )

    def refine(self, view: Pictures, windows: Ints) -> tuple[Floats, Floats]:
        """See `Engine`."""
        outputs = self._library.rnet(view, windows, self._rnet)
        return sigmoid(outputs[:, 1] - outputs[:, 0]), outputs[:, 2:6]

    def place(self, view: Pictures, windows: Ints) -> tuple[Floats, Floats, Floats]:
        """See `Engine`."""
        outputs = self._library.onet(view, windows, self._onet)
        return sigmoid(outputs[:, 1] - outputs[:, 0]), outputs[:, 2:6], outputs[:, 6:].reshape(-1, 2, 5)


def _steps_of(found: NDArray[np.void]) -> Ints:
    """Return where steps are, (n, 2), to the right and down."""
    return np.column_stack([found["column"], found["row"]]).astype(np.int64)


def _fill(regions: NDArray[np.void], **values: Ints | int) -> None:
    for name, value in values.items():
        regions[name] = value


def _fill_steps(regions: NDArray[np.void], first: Ints, last: Ints) -> None:
    _fill(regions, first_column=first[:, 0], first_row=first[:, 1], last_column=last[:, 0], last_row=last[:, 1])
