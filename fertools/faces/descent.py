"""P-Net from the coarsest level of the pyramid down: a level is looked at where the one above it is in doubt.

A face of a size answers on two or three neighbouring levels, on those beside its own with less. So where a level of the
pyramid says that a face is all but impossible, the next finer level, which costs twice as much, can be passed over.
What is looked at are tiles of eight by eight steps; what P-Net says of them is what it says when the whole level is
looked at.

Where faces are few a third of the pyramid is looked at, where they are many nearly all of it. Every face and every
point of 2,270 in photographs and clips came out as when all is (`docs/decisions/0009-descent.md`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fertools.faces.area import AreaTable
from fertools.faces.networks import PNet
from fertools.faces.proposals import CENTRE, SPAN, Level, Proposals, judged, least_evidence, scan

DOUBT = 0.2
"""Face probability of P-Net from which the next finer level is looked at there, and near it; less where the threshold
is low."""

LEAST_FACTOR = 0.7
"""Levels that are further apart say too little about one another."""

_NEAR_STEPS = 2
"""How near, in steps of the finer level: the two levels' steps do not coincide."""

TILE = 8
"""Steps to a side of a tile. Smaller ones follow what is in doubt more closely, but share more of their pixels."""

_TILE_PX = PNet.STRIDE_PX * TILE + PNet.WINDOW_PX - PNet.STRIDE_PX

_WHOLE_STEPS = 2000
"""Levels of up to this many steps are looked at whole: there is nothing to save."""

_WORTH = 0.7
"""A level is looked at whole where tiles would be more than this share of its pixels. They overlap, and reading them
takes longer than reading rows."""

_GATED = 3
"""Levels, from the finest on, that may be passed over in part: seven eighths of all steps. If all might be, a face
would have to raise a doubt on every level coarser than its own, which blurred ones do not."""


def descend(
    network: PNet, table: AreaTable, scales: Sequence[float], threshold: float, chunk_px: int
) -> list[Proposals]:
    """Return the windows of each level of the pyramid whose face probability reaches `threshold`.

    Args:
        network: P-Net, on the device of `table`.
        table: one picture.
        scales: of the levels, largest first.
        threshold: least probability, between 0 and 1.
        chunk_px: pixels to work on at a time, about.

    Returns:
        What `propose` returns of each level, but for windows that the next coarser level has no doubt about.
    """
    doubt = least_evidence(min(DOUBT, threshold / 3))
    levels: list[Proposals] = []
    above: tuple[Level, NDArray[np.int64]] | None = None
    for number, scale in reversed(list(enumerate(scales))):
        level = Level.of(table, scale)
        tiles = None
        if above is not None and number < _GATED and level.rows * level.columns > _WHOLE_STEPS:
            tiles = _tiles(*above, level)
        if tiles is None or len(tiles) * _TILE_PX**2 > _WORTH * level.height * level.width:
            place, features, odds = scan(network, table, level, doubt, chunk_px)
        else:
            place, features, odds = _scan_tiles(network, table, level, tiles, doubt, chunk_px)
        above = level, place[:, 1:].cpu().numpy()
        hit = odds >= least_evidence(threshold)
        levels.append(judged(network, place[hit], features[hit], threshold, scale))
    return levels[::-1]


def _tiles(above: Level, doubtful: NDArray[np.int64], level: Level) -> NDArray[np.int64]:
    """Return the tiles (n, 2), row and column counted in tiles, of a level that places of the level above lead to."""
    half = PNet.WINDOW_PX / 2
    here = ((doubtful * PNet.STRIDE_PX + half) * (level.scale / above.scale) - half) / PNet.STRIDE_PX
    last = np.array([level.rows, level.columns]) - 1
    wanted = np.zeros(last // TILE + 1, bool)
    for down in (-_NEAR_STEPS, _NEAR_STEPS):
        for right in (-_NEAR_STEPS, _NEAR_STEPS):
            step = np.round(here).astype(np.int64) + np.array([down, right])
            row, column = (step.clip(0, last) // TILE).T
            wanted[row, column] = True
    return np.argwhere(wanted)


def _scan_tiles(
    network: PNet, table: AreaTable, level: Level, tiles: NDArray[np.int64], least: float, chunk_px: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `scan` does, of some tiles of a level."""
    places, features, odds = [], [], []
    corners = torch.from_numpy(tiles * TILE)
    # Once even where there is no tile, for an answer of the right shapes.
    for some in torch.split(corners, max(1, chunk_px // _TILE_PX**2)):
        pixels = table.tiles(level.height, level.width, some * PNet.STRIDE_PX, _TILE_PX, centre=CENTRE, span=SPAN)
        found = network(pixels.permute(0, 3, 1, 2))
        evidence = network.evidence(found)
        hit = (evidence >= least).nonzero()
        at = hit[:, 1:] + some[hit[:, 0]]
        # Beyond the last windows of the level its edge goes on.
        inside = (at < torch.tensor([level.rows, level.columns])).all(dim=1)
        hit, at = hit[inside], at[inside]
        places.append(F.pad(at, (1, 0)))
        features.append(found[tuple(hit.unbind(1))])
        odds.append(evidence[tuple(hit.unbind(1))])
    return torch.cat(places), torch.cat(features), torch.cat(odds)
