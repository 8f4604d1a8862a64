"""The MTCNN detector: a cascade of three networks.

P-Net slides over an image pyramid. R-Net classifies its proposals at 24 x 24 pixels. O-Net classifies the remaining
ones at 48 x 48 pixels and locates the five points.

In the mode `exact` the results are those of facenet-pytorch's MTCNN at the same settings: the same faces, with boxes
and points equal to a small fraction of a pixel. In the mode `fast` on a CPU the networks are compiled. P-Net skips
positions that the coarser level rules out (see `pyramid_pruning`). O-Net skips windows that show the same as another,
a fifth of all. The faces are the same. If another window of a face wins, its box and points are close to those of the
reference (`docs/benchmarks.md` says how close).

These details of the reference are kept, because results depend on them. Windows are rounded down and crops truncated to
whole pixels. Corners are inclusive in two of four places (see `boxes`). Overlap is by union twice and by the smaller
box last.

These are not kept: batches of only one picture size, a float copy of every picture at full resolution, a loop over
crops, and box numbers in 16 bits. Suppression across pictures does not shift coordinates, which loses float32 precision
from the second picture on. A box outside the picture does not crash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.device import device_type
from fertools.core.errors import InputError
from fertools.core.native.library import MISSING, library
from fertools.faces.detection.detections import Detections, FrameSearch, no_detections
from fertools.faces.detection.detector import DetectorIdentity, DetectorOptions, LocalSearch, ScoreLevels, check_frames
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.mtcnn import boxes as boxwork
from fertools.faces.detection.mtcnn.candidates import Candidates, final_boxes, suppress
from fertools.faces.detection.mtcnn.engine import Engine, View
from fertools.faces.detection.mtcnn.local_search import REACH
from fertools.faces.detection.mtcnn.native_engine import CompiledEngine
from fertools.faces.detection.mtcnn.proposals import Proposals, pyramid
from fertools.faces.detection.mtcnn.weights import CascadeWeights, load_weights

# Pictures of one size are processed together up to this number of pixels, which keeps memory flat: torch's tables take
# 12 bytes per pixel. A GPU needs many pixels to be busy. A CPU gains nothing from stacks of pictures from about 640 x
# 360 on. The last bits of torch's matrix products depend on the number of rows, so only a picture alone always gives
# the same numbers.
_STACK_PIXELS = {"cpu": 1, "cuda": 1 << 26, "mps": 1 << 24}

MODES = ("fast", "exact")

THRESHOLDS, FACTOR = (0.6, 0.7, 0.7), 0.709
"""The published thresholds and the published scale factor."""

NATIVE_VERSION = 1
"""Version of the compiled networks' results: raise it with every change that moves a box, score or point."""

_SAME_WINDOW = 0.9
"""Intersection over union from which two windows of R-Net show O-Net the same, in the mode `fast`."""

_LOW_CONFIDENCE = 0.1
"""Minimum face probability of `FrameSearch.low_confidence`."""


class MtcnnDetector:
    """Finds faces and their five points; a `fertools.faces.detection.detector.Detector` with a local search.

    Args:
        min_face: smallest face to search for: pixels, or a `MinFace`.
        thresholds: minimum face probability after each of the three networks.
        factor: scale factor between pyramid levels.
        weights: argument of `load_weights`, or loaded weights.
        device: name of a torch device.
        mode: `fast` or `exact`; see the module.

    Raises:
        InputError: a value is out of range, or the weights are missing.

    Example:
        >>> from skimage.data import astronaut
        >>> found = MtcnnDetector().detect([astronaut()])[0]
        >>> len(found), found.boxes.round().tolist()
        (1, [[181.0, 62.0, 268.0, 172.0]])
    """

    def __init__(
        self,
        min_face: float | MinFace = 20,
        *,
        thresholds: tuple[float, ...] = THRESHOLDS,
        factor: float = FACTOR,
        weights: str | Path | CascadeWeights = "auto",
        device: str = "cpu",
        mode: str = "fast",
    ) -> None:
        if mode not in MODES:
            raise InputError(f"{argument('mode')} '{mode}' is unknown; choose one of {', '.join(MODES)}")
        if not all(0 < threshold < 1 for threshold in thresholds) or len(thresholds) != 3:
            raise InputError(
                f"{argument('thresholds')} is {', '.join(map(str, thresholds))}; give three numbers between 0 and 1, "
                "such as 0.6, 0.7, 0.7"
            )
        if not 0.1 <= factor <= 0.95:
            raise InputError(f"{argument('factor')} is {factor:g}; give a number from 0.1 to 0.95, such as 0.709")
        self.min_face = MinFace.of(min_face)
        self.thresholds = thresholds
        self.factor = factor
        self.mode = mode
        self.device = device
        self.weights = weights if isinstance(weights, CascadeWeights) else load_weights(weights)
        self.score_levels = ScoreLevels()
        self._compiled = library() if mode == "fast" and device_type(device) == "cpu" else None

    @property
    def identity(self) -> DetectorIdentity:
        """See `Detector`."""
        settings = {"thresholds": list(self.thresholds), "factor": self.factor, "mode": self.mode}
        return DetectorIdentity("mtcnn", self._engine_name, self.weights.digest, settings)

    @property
    def local_search(self) -> LocalSearch:
        """See `Detector`."""
        return self

    @property
    def remark(self) -> str | None:
        """See `Detector`."""
        is_slow = self.mode == "fast" and device_type(self.device) == "cpu" and self._compiled is None
        return f"the detector is {MISSING}" if is_slow else None

    def detect(self, frames: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Return the faces of each frame.

        On a CPU the result for a picture is the same to the bit, whatever other pictures are in the call. Other
        threads may call at the same time.

        Args:
            frames: pictures (height, width, 3) uint8 RGB, of any sizes.

        Raises:
            InputError: a frame has another shape or type.
        """
        return [search.faces for search in self.search(frames)]

    def search(self, frames: Sequence[NDArray[np.uint8]]) -> list[FrameSearch]:
        """Return the faces of each frame as `detect` does, and the low-confidence candidates."""
        check_frames(frames)
        found: dict[int, FrameSearch] = {}
        for numbers in self._stacks([frame.shape[:2] for frame in frames]):
            stack = [np.ascontiguousarray(frames[number]) for number in numbers]
            found.update(zip(numbers, self._search_stack(stack), strict=True))
        return [found[number] for number in range(len(frames))]

    def detect_near(
        self, frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> list[Detections]:
        """Return the faces that `detect` finds near known positions, without a search elsewhere.

        All three networks get the same input there as in a full search, so the results are the same. About 2 in 100
        faces differ, because a full search reached or suppressed them from further away.

        Args:
            frames: (height, width, 3) uint8 RGB; successive frames of one size are faster.
            boxes: for each frame (n, 4) float32 expected boxes, correct to about a third of their side.

        Raises:
            InputError: a frame has another shape or type.
        """
        check_frames(frames)
        out: list[Detections] = []
        for first, last in _batches(frames, boxes, self._engine.near_px):
            out += self._detect_near(frames[first:last], boxes[first:last])
        return out

    def _detect_near(
        self, frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> list[Detections]:
        owner = np.repeat(np.arange(len(boxes)), [len(some) for some in boxes])
        squares = boxwork.square(np.concatenate(boxes).astype(np.float32))
        pixels = boxwork.clip(squares, *frames[0].shape[:2])
        inside = (pixels[:, 2] > pixels[:, 0]) & (pixels[:, 3] > pixels[:, 1])
        owner, squares = owner[inside], squares[inside]
        if not len(owner):
            return [no_detections() for _ in frames]
        view = self._engine.view_near(frames, owner, squares)
        levels = self._engine.propose_near(view, owner, squares, self._scales(view), self.thresholds[0])
        candidates = self._refine(view, _proposed(levels))
        return _by_picture(*self._finish(view, candidates, self.thresholds[2]), len(frames))

    def _stacks(self, sizes: list[tuple[int, ...]]) -> Iterator[list[int]]:
        """Yield the indices of frames to process together: of one size, with a limited number of pixels."""
        budget = _STACK_PIXELS.get(device_type(self.device), _STACK_PIXELS["cpu"])
        for size in dict.fromkeys(sizes):
            numbers = [number for number, other in enumerate(sizes) if other == size]
            count = max(1, budget // max(1, size[0] * size[1]))
            for first in range(0, len(numbers), count):
                yield numbers[first : first + count]

    def _search_stack(self, frames: list[NDArray[np.uint8]]) -> list[FrameSearch]:
        if 0 in frames[0].shape:
            return [FrameSearch(no_detections(), no_detections().boxes) for _ in frames]
        view = self._engine.view(frames)
        proposed = _proposed(self._engine.propose(view, self._scales(view), self.thresholds[0]))
        candidates, landmarks = self._finish(view, self._refine(view, proposed), _LOW_CONFIDENCE)
        results = []
        for seen in _by_picture(candidates, landmarks, len(frames)):
            sure = seen.scores > self.thresholds[2]
            results.append(FrameSearch(seen.take(sure), seen.boxes[~sure]))
        return results

    def _scales(self, view: View) -> list[float]:
        min_face_px = self.min_face.in_picture(view.height, view.width)
        return list(pyramid(view.height, view.width, min_face_px, self.factor))

    def _refine(self, view: View, candidates: Candidates) -> Candidates:
        """Second stage: R-Net classifies each proposal and moves its box."""
        candidates, windows = _visible(view, candidates)
        scores, offsets = self._engine.refine(view, windows)
        passed = scores > self.thresholds[1]
        candidates = Candidates(candidates.picture[passed], candidates.boxes[passed], scores[passed])
        kept = suppress(candidates, 0.7)
        candidates, offsets = candidates.take(kept), offsets[passed][kept]
        moved = boxwork.square(boxwork.regress(candidates.boxes, offsets))
        candidates = Candidates(candidates.picture, moved, candidates.scores)
        return candidates if self.mode == "exact" else candidates.take(suppress(candidates, _SAME_WINDOW))

    def _finish(self, view: View, candidates: Candidates, threshold: float) -> tuple[Candidates, NDArray[np.float32]]:
        """Third stage: O-Net classifies the candidates, moves their boxes and locates the points."""
        candidates, windows = _visible(view, candidates)
        scores, offsets, points = self._engine.place(view, windows)
        passed = scores > threshold
        candidates = Candidates(candidates.picture[passed], candidates.boxes[passed], scores[passed])
        candidates, landmarks = final_boxes(candidates, offsets[passed], points[passed])
        kept = suppress(candidates, 0.7, nested=True)
        return candidates.take(kept), landmarks[kept]

    @property
    def _engine_name(self) -> str:
        if self._compiled is not None:
            return f"native {NATIVE_VERSION}"
        release = ".".join(version("torch").split("+")[0].split(".")[:2])
        return f"torch {release} {device_type(self.device)}"

    @cached_property
    def _engine(self) -> Engine[Any, Any]:
        if self._compiled is not None:
            return CompiledEngine(self._compiled, self.weights)
        # Imported here, because the compiled networks need neither torch's seconds of import nor its memory.
        import torch

        from fertools.faces.detection.mtcnn.torch_engine import TorchEngine

        return TorchEngine(self.weights, torch.device(self.device))


def make_mtcnn(options: DetectorOptions) -> MtcnnDetector:
    """Return the detector; the entry point of `--detector mtcnn`."""
    return MtcnnDetector(
        options.min_face,
        thresholds=options.thresholds or THRESHOLDS,
        factor=FACTOR if options.factor is None else options.factor,
        weights=options.weights,
        device=options.device,
        mode=options.mode or MODES[0],
    )


def _batches(
    frames: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]], budget_px: float
) -> Iterator[tuple[int, int]]:
    """Yield ranges of frames to process together: of one size, with a limited number of pixels."""
    first, held = 0, 0.0
    for number, some in enumerate(boxes):
        pixels = float((((1 + 2 * REACH) * (some[:, 2:] - some[:, :2]).max(axis=1)) ** 2).sum()) if len(some) else 0.0
        is_other = frames[number].shape != frames[first].shape
        if number > first and (is_other or held + pixels > budget_px):
            yield first, number
            first, held = number, 0.0
        held += pixels
    if first < len(boxes):
        yield first, len(boxes)


def _proposed(levels: Sequence[Proposals]) -> Candidates:
    """Return P-Net's windows, suppressed within each level and then over all levels, and moved by their offsets."""
    parts: list[tuple[Candidates, NDArray[np.float32]]] = []
    for level in levels:
        windows = Candidates(level.picture, level.boxes, level.scores)
        kept = suppress(windows, 0.5)
        parts.append((windows.take(kept), level.offsets[kept]))
    if not parts:
        return Candidates(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    windows = Candidates.joined([part for part, _ in parts])
    kept = suppress(windows, 0.7)
    windows, offsets = windows.take(kept), np.concatenate([offsets for _, offsets in parts])[kept]
    # Without the `+ 1` of the later regressions, as in the reference.
    sides = np.tile(windows.boxes[:, 2:] - windows.boxes[:, :2], 2)
    return Candidates(windows.picture, boxwork.square(windows.boxes + offsets * sides), windows.scores)


def _by_picture(candidates: Candidates, landmarks: NDArray[np.float32], count: int) -> list[Detections]:
    """Return the faces of each of `count` pictures, highest score first."""
    out = []
    for number in range(count):
        here = np.flatnonzero(candidates.picture == number)
        here = here[np.argsort(-candidates.scores[here], kind="stable")]
        out.append(Detections(candidates.boxes[here], candidates.scores[here], landmarks[here]))
    return out


def _visible(view: View, candidates: Candidates) -> tuple[Candidates, NDArray[np.int64]]:
    """Return the candidates that overlap their picture, and their windows for the next network."""
    pixels = boxwork.clip(candidates.boxes, view.height, view.width)
    inside = (pixels[:, 2] > pixels[:, 0]) & (pixels[:, 3] > pixels[:, 1])
    candidates = candidates.take(inside)
    return candidates, view.windows(candidates.picture, pixels[inside])
