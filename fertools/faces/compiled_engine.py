"""The networks as machine code, on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fertools.faces.area import AreaTable
from fertools.faces.compiled.library import REGION, Library
from fertools.faces.compiled.packing import pack_onet, pack_pnet, pack_rnet
from fertools.faces.descent import descend
from fertools.faces.engines import Floats, Table
from fertools.faces.patches import Patches
from fertools.faces.proposals import Level, Proposals, least_evidence, probability
from fertools.faces.vicinity import gathered, squares_around
from fertools.faces.weights import CascadeWeights

Ints = NDArray[np.int64]


class CompiledEngine:
    """An `Engine` of compiled networks, which passes over places of the pyramid that the level above is sure about.

    Args:
        library: the networks.
        weights: of the three.
    """

    def __init__(self, library: Library, weights: CascadeWeights) -> None:
        self._library = library
        self._pnet, self._rnet, self._onet = pack_pnet(weights.pnet), pack_rnet(weights.rnet), pack_onet(weights.onet)

    def propose(self, table: AreaTable, scales: Sequence[float], threshold: float) -> list[Proposals]:
        """See `Engine`; of one picture."""

        def look(level: Level, steps: Ints, least: float) -> tuple[Ints, Floats, Floats]:
            regions = np.zeros(len(steps), REGION)
            _fill(regions, across=table.width + 1, right=table.width, bottom=table.height)
            _fill(regions, picture_width=table.width, picture_height=table.height)
            _fill(regions, level_width=level.width, level_height=level.height)
            _fill_steps(regions, steps[:, :2], steps[:, 2:])
            found = self._library.pnet(table.sums, regions, self._pnet, least)
            return _steps_of(found), found["odds"], found["offsets"]

        levels = [Level.of(table.height, table.width, scale) for scale in scales]
        return descend(levels, threshold, look)

    def propose_near(
        self, patches: Patches, boxes: Floats, scales: Sequence[float], threshold: float
    ) -> list[Proposals]:
        """See `Engine`."""
        squares = squares_around(boxes, scales, patches.height, patches.width)
        regions = np.zeros(len(squares), REGION)
        part = squares.place
        _fill(regions, start=patches.first[part], across=patches.across[part])
        for number, name in enumerate(("left", "top", "right", "bottom")):
            regions[name] = patches.edges[part, number]
        _fill(regions, picture_width=patches.width, picture_height=patches.height)
        _fill(regions, level_width=squares.level_px[:, 0], level_height=squares.level_px[:, 1])
        _fill_steps(regions, squares.corner // 2, squares.steps)
        found = self._library.pnet(patches.sums, regions, self._pnet, least_evidence(threshold))
        scores = probability(found["odds"])
        found, scores = found[scores >= threshold], scores[scores >= threshold]
        which = found["region"].astype(np.int64)
        return gathered(squares, which, patches.frame[part[which]], _steps_of(found), scores, found["offsets"])

    def refine(self, table: Table, windows: Ints) -> tuple[Floats, Floats]:
        """See `Engine`."""
        said = self._library.rnet(table.sums, windows, self._rnet)
        return probability(said[:, 1] - said[:, 0]), said[:, 2:6]

    def place(self, table: Table, windows: Ints) -> tuple[Floats, Floats, Floats]:
        """See `Engine`."""
        said = self._library.onet(table.sums, windows, self._onet)
        return probability(said[:, 1] - said[:, 0]), said[:, 2:6], said[:, 6:].reshape(-1, 2, 5)


def _steps_of(found: NDArray[np.void]) -> Ints:
    """Return where steps are, (n, 2), to the right and down."""
    return np.column_stack([found["column"], found["row"]]).astype(np.int64)


def _fill(regions: NDArray[np.void], **values: Ints | int) -> None:
    for name, value in values.items():
        regions[name] = value


def _fill_steps(regions: NDArray[np.void], first: Ints, last: Ints) -> None:
    _fill(regions, first_column=first[:, 0], first_row=first[:, 1], last_column=last[:, 0], last_row=last[:, 1])
