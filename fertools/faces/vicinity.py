"""P-Net around known places: the windows of the full search that can lead to a face there, and no others.

A face of side s is proposed by windows of about its size, near it. So of each level of the pyramid whose window has a
size around s a square of a few dozen pixels is worked out, with the same pixels and at the same steps as when the
whole frame is searched. The proposals are then the same ones, at a thousandth of the cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.faces.networks import PNet
from fertools.faces.patches import Patches
from fertools.faces.proposals import CENTRE, SPAN, Proposals, least_evidence, windows_at

SMALLEST, LARGEST = 0.55, 2.0
"""Sides of a face, in those of P-Net's window, from and up to which it is looked for.

With these, 98 of 100 faces of real frames come out as the full search has them, and the others near it.
"""

MARGIN = 0.35
"""How far a face may be from where it is expected, in sides of it."""

REACH = 1.0
"""How far what a network sees of a face can go beyond it, in sides of it."""

_SIZES_PX = (18, 22, 30, 42)
"""Sides of the squares that go through P-Net, a few only, so that squares of many faces go together."""


@dataclass(frozen=True)
class _Square:
    """A square of one level of the pyramid: which place it is for, the number of the level and its scale."""

    place: int
    level: int
    scale: float


def propose_near(
    network: PNet, patches: Patches, squares: NDArray[np.float32], scales: Sequence[float], threshold: float, chunk: int
) -> Iterator[tuple[int, Proposals]]:
    """Yield the number of a level of the pyramid, and the windows of it whose face probability reaches `threshold`.

    Windows that are near two places come once.

    Args:
        network: P-Net, on the device of `patches`.
        patches: a part around each of `squares`, in the same order.
        squares: (n, 4) float32, where faces are expected.
        scales: of the pyramid's levels, largest first.
        threshold: least probability, between 0 and 1.
        chunk: pixels to work on at a time, about.
    """
    found: dict[int, list[Proposals]] = {}
    for size_px, wanted in _wanted(squares, scales).items():
        step = max(1, chunk // size_px**2)
        for begin in range(0, len(wanted), step):
            some = wanted[begin : begin + step]
            for level, windows in _look(network, patches, squares, some, size_px, threshold):
                found.setdefault(level, []).append(windows)
    for level in sorted(found):
        yield level, _once(found[level])


def _wanted(squares: NDArray[np.float32], scales: Sequence[float]) -> dict[int, list[_Square]]:
    """Return the squares of levels to look at, by their side in pixels."""
    wanted: dict[int, list[_Square]] = {}
    for place, side in enumerate((squares[:, 2] - squares[:, 0]).tolist()):
        for level, scale in enumerate(scales):
            times = side * scale / PNet.WINDOW_PX
            # A face smaller than all that are looked for can still be found as one of the smallest.
            if SMALLEST <= times < LARGEST or (level == 0 and times < SMALLEST):
                need_px = PNet.WINDOW_PX * (max(times, 1.0) + 2 * MARGIN * times)
                size_px = next((size for size in _SIZES_PX if size >= need_px), _SIZES_PX[-1])
                wanted.setdefault(size_px, []).append(_Square(place, level, scale))
    return wanted


def _look(
    network: PNet,
    patches: Patches,
    squares: NDArray[np.float32],
    wanted: list[_Square],
    size_px: int,
    threshold: float,
) -> Iterator[tuple[int, Proposals]]:
    place, number = (np.array([getattr(one, name) for one in wanted]) for name in ("place", "level"))
    scale = np.array([one.scale for one in wanted])[:, None]
    frame_px = np.array([patches.width, patches.height])
    level_px = (frame_px * scale + 1).astype(np.int64)
    middle = (squares[place, :2] + squares[place, 2:]) / 2 * level_px / frame_px
    # P-Net steps by two pixels from the level's corner on, and so must its squares; none begins beyond the last window.
    corner = ((middle - size_px / 2) // 2 * 2).clip(0, ((level_px - size_px + 1) // 2 * 2).clip(0)).astype(np.int64)
    pixels = patches.shrink(place, level_px, corner, size_px, centre=CENTRE, span=SPAN)
    features = network(pixels.permute(0, 3, 1, 2))
    hit = (network.evidence(features) >= least_evidence(threshold)).nonzero()
    scores, offsets = (answer.cpu().numpy() for answer in network.judge(features[tuple(hit.unbind(1))]))
    square, at = hit[:, 0].cpu().numpy(), hit[:, [2, 1]].cpu().numpy() + corner[hit[:, 0].cpu().numpy()] // 2
    # Where the square goes on beyond the level there are no windows.
    passed = (scores >= threshold) & (at <= -(-level_px[square] // 2) - 6).all(axis=1)
    for level in np.unique(number[square[passed]]).tolist():
        here = passed & (number[square] == level)
        boxes = windows_at(at[here], wanted[int(square[here][0])].scale)
        yield level, Proposals(patches.frame[place[square[here]]], boxes, scores[here], offsets[here])


def _once(parts: list[Proposals]) -> Proposals:
    """Return all windows of one level, each once, in reading order, as suppression breaks ties by order."""
    frame = np.concatenate([part.picture for part in parts])
    boxes = np.concatenate([part.boxes for part in parts])
    _, first = np.unique(np.column_stack([frame, boxes[:, 1], boxes[:, 0]]), axis=0, return_index=True)
    scores = np.concatenate([part.scores for part in parts])
    offsets = np.concatenate([part.offsets for part in parts])
    return Proposals(frame[first], boxes[first], scores[first], offsets[first])
