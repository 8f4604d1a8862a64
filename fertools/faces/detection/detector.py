"""The interface of a face detector.

A detector is found by its name (`fertools.faces.detection.registry`). Other code asks what a detector can do, never
which detector it is. For example, without a local search every frame is searched in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.detection.detections import Detections, FrameSearch
from fertools.faces.detection.min_face import MinFace

Frames = Sequence[NDArray[np.uint8]]
"""Pictures (height, width, 3) uint8 RGB, of any sizes."""


@dataclass(frozen=True)
class DetectorOptions:
    """Options of a detector; None leaves the choice to the detector.

    Attributes:
        min_face: smallest face to search for.
        weights: `auto` (an installed package that carries the weights), the name of such a package, or a path.
        device: torch name of the device, such as `cpu` or `cuda:1`.
        thresholds: minimum face probability after each stage of the detector, each between 0 and 1.
        factor: scale factor between the levels of an image pyramid.
        mode: name of one of the detector's modes.
    """

    min_face: MinFace = field(default_factory=lambda: MinFace(px=20))
    weights: str = "auto"
    device: str = "cpu"
    thresholds: tuple[float, ...] | None = None
    factor: float | None = None
    mode: str | None = None


@dataclass(frozen=True)
class DetectorIdentity:
    """Everything except the picture that the boxes, scores and landmarks of a detector depend on.

    A workspace records it. Two detectors with equal identities give the same faces.

    Attributes:
        name: name of the detector.
        engine: program that runs the networks, its version, and the device type if results depend on it.
        weights: digest of the weights.
        settings: thresholds and other settings by name, in types that TOML has.
    """

    name: str
    engine: str
    weights: str
    settings: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.engine}, weights {self.weights[:12]})"


@dataclass(frozen=True)
class ScoreLevels:
    """Score levels of a detector, because the scores of two detectors are not comparable.

    The defaults are those of MTCNN: most of its false alarms score below 0.95, and most faces above 0.99.

    Attributes:
        confident: minimum score of a face for the preset `standard`.
        strict: minimum score of a face for the preset `strict`.
        certain: score that one face of a short track must reach, and false alarms do not reach.
    """

    confident: float = 0.9
    strict: float = 0.98
    certain: float = 0.99


class LocalSearch(Protocol):
    """Searches near known positions, at a small part of the cost of a full search."""

    def search(self, frames: Frames) -> list[FrameSearch]:
        """Search frames in full; return the faces and the low-confidence candidates of each."""

    def detect_near(self, frames: Frames, boxes: Sequence[NDArray[np.float32]]) -> list[Detections]:
        """Search frames near boxes only.

        Args:
            frames: (height, width, 3) uint8 RGB.
            boxes: for each frame (n, 4) float32 expected boxes, correct to about a third of their side.
        """


class Detector(Protocol):
    """Finds faces and their five points.

    Several threads may call a detector at the same time. The result for a picture must not depend on the other
    pictures of the call.
    """

    @property
    def device(self) -> str:
        """Torch name of the device that the detector runs on."""

    @property
    def identity(self) -> DetectorIdentity:
        """Everything that the results depend on."""

    @property
    def score_levels(self) -> ScoreLevels:
        """Score levels of the detector."""

    @property
    def local_search(self) -> LocalSearch | None:
        """The search near known positions; None if the detector has none."""

    @property
    def remark(self) -> str | None:
        """One sentence for the user before a long search, for example about a missing faster engine; else None."""

    def detect(self, frames: Frames) -> list[Detections]:
        """Return the faces of each frame, highest score first.

        Args:
            frames: pictures (height, width, 3) uint8 RGB, of any sizes.

        Raises:
            InputError: a frame has another shape or type.
        """


def check_frames(frames: Frames) -> None:
    """Raise InputError unless every frame is uint8 RGB of shape (height, width, 3)."""
    for number, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise InputError(
                f"frame {number} is {frame.dtype} of shape {frame.shape}; "
                f"give RGB pictures: uint8 of shape (height, width, 3)"
            )
