"""The scene of a clip: background, light, pose and camera, as in a laboratory or in the wild.

In the laboratory a person faces the camera in front of a plain wall in even light. In the wild nothing is controlled.
Snapshots are harder still: something may cover the face, and others pass by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.samples.camera import Pose
from fertools.samples.canvas import Canvas
from fertools.samples.portrait import Light
from fertools.samples.snapshot import Accidents, draw_accidents

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """The variation of scenes; angles and shares are standard deviations unless they are ranges.

    Attributes:
        angles_deg: yaw, pitch and roll between clips.
        drift_deg: movement of each angle within a clip.
        scales: range of the eye distance as a share of the picture's side.
        place: position of the face in the picture, as a share of the side.
        light_x: range of the horizontal direction of the light.
        ambient: range of the share of ambient light.
        cast: gain of each colour channel.
        noise: range of the sensor noise in grey levels.
        softness_px: range of the lens blur, for a picture of 256 pixels.
        cluttered: whether the background is cluttered.
        is_snapshot: whether the pictures have accidents, see `fertools.samples.snapshot`.
    """

    angles_deg: tuple[float, float, float]
    drift_deg: float
    scales: tuple[float, float]
    place: float
    light_x: tuple[float, float]
    ambient: tuple[float, float]
    cast: float
    noise: tuple[float, float]
    softness_px: tuple[float, float]
    cluttered: bool
    is_snapshot: bool = False


LOOKS: Mapping[str, Look] = {
    "lab": Look((3, 2, 1.5), 2, (0.205, 0.225), 0.010, (-0.25, 0.25), (0.60, 0.68), 0.01, (1, 2), (0, 0.4), False),
    "wild": Look((13, 6, 7), 6, (0.14, 0.22), 0.035, (-0.95, 0.95), (0.38, 0.62), 0.05, (2, 6), (0, 1.0), True),
    "snapshot": Look((18, 8, 9), 0, (0.13, 0.22), 0.05, (-1.2, 1.2), (0.32, 0.62), 0.07, (2, 9), (0, 1.6), True, True),
}
_FURTHEST = 2.0
"""Maximum deviation of an angle in standard deviations, because a face that is turned away cannot be detected."""


@dataclass(frozen=True)
class Scene:
    """The surroundings of one clip.

    Attributes:
        begin: pose of the head at the start.
        end: pose at the end; the head moves linearly in between.
        light: the light.
        gains: gains of red, green and blue.
        noise: standard deviation of the sensor noise in grey levels.
        softness_px: lens blur, for a picture of 256 pixels.
        look: name of the look.
        seed: random seed of the background and the noise.
    """

    begin: Pose
    end: Pose
    light: Light
    gains: tuple[float, float, float]
    noise: float
    softness_px: float
    look: str
    seed: int

    def pose_at(self, time: float) -> Pose:
        """Return the pose at a time from 0 (start) to 1 (end)."""
        return _between(self.begin, self.end, time)

    def background(self, size_px: int) -> NDArray[np.float32]:
        """Return the background, (size_px, size_px, 3) float32 from 0 to 255."""
        rng = np.random.default_rng(self.seed)
        wall = _tint(rng, (120, 205), 12 if LOOKS[self.look].cluttered else 5)
        slope = np.linspace(12, -12, size_px)[:, None, None] + np.linspace(-8, 8, size_px)[None, :, None]
        image = np.asarray(np.clip(wall, 30, 235) + slope, np.float32)
        if LOOKS[self.look].cluttered:
            _clutter(Canvas(image), size_px, rng)
        return image

    @property
    def accidents(self) -> Accidents | None:
        """The accidents of a snapshot; None for other looks."""
        return draw_accidents(self.seed) if LOOKS[self.look].is_snapshot else None

    def expose(self, image: NDArray[np.float32], frame: int) -> Image:
        """Return a painted picture as the camera records it: with lens blur, colour gains and noise, in 8 bits."""
        soft_px = self.softness_px * len(image) / 256
        seen = np.asarray(cv2.GaussianBlur(image, (0, 0), soft_px), np.float32) if soft_px > 0.2 else image
        accidents = self.accidents
        if accidents is not None:
            seen = accidents.develop(seen)
        rng = np.random.default_rng((self.seed, frame))
        noisy = seen * np.asarray(self.gains, np.float32) + rng.normal(0, self.noise, seen.shape).astype(np.float32)
        taken = np.asarray(np.clip(np.round(noisy), 0, 255), np.uint8)
        return taken if accidents is None else accidents.save(taken)


def draw_scene(look: str, rng: np.random.Generator) -> Scene:
    """Return one random scene of a look."""
    kind = LOOKS[look]

    def angle(spread_deg: float) -> float:
        return float(np.clip(rng.normal(0, spread_deg), -_FURTHEST * spread_deg, _FURTHEST * spread_deg))

    yaw_deg, pitch_deg, roll_deg = (angle(spread) for spread in kind.angles_deg)
    begin = Pose(
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        scale=float(rng.uniform(*kind.scales)),
        x=0.5 + float(rng.normal(0, kind.place)),
        y=0.44 + float(rng.normal(0, kind.place)),
    )
    moved = [angle(kind.drift_deg) for _ in range(3)]
    end = replace(
        begin, yaw_deg=yaw_deg + moved[0], pitch_deg=pitch_deg + moved[1] / 2, roll_deg=roll_deg + moved[2] / 2
    )
    red, green, blue = (float(gain) for gain in np.clip(rng.normal(1, kind.cast, 3), 0.75, 1.25))
    return Scene(
        begin=begin,
        end=end,
        light=Light(
            float(rng.uniform(*kind.light_x)), float(rng.uniform(-0.7, -0.2)), float(rng.uniform(*kind.ambient))
        ),
        gains=(red, green, blue),
        noise=float(rng.uniform(*kind.noise)),
        softness_px=float(rng.uniform(*kind.softness_px)),
        look=look,
        seed=int(rng.integers(1 << 31)),
    )


def _between(begin: Pose, end: Pose, time: float) -> Pose:
    names = ("yaw_deg", "pitch_deg", "roll_deg", "scale", "x", "y")
    return Pose(**{name: (1 - time) * getattr(begin, name) + time * getattr(end, name) for name in names})


def _clutter(canvas: Canvas, size_px: int, rng: np.random.Generator) -> None:
    """Paint blurred shelves, windows and lights."""
    for _ in range(int(rng.integers(6, 12))):
        left, top = rng.uniform(-0.2, 1.0, 2) * size_px
        width, height = rng.uniform(0.08, 0.5, 2) * size_px
        corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
        soft_px = float(rng.uniform(0.004, 0.03)) * size_px
        canvas.paint(canvas.polygon(corners, soft_px), _tint(rng, (25, 225), 26), float(rng.uniform(0.4, 0.95)))
    for _ in range(int(rng.integers(3, 8))):
        radius = float(rng.uniform(0.01, 0.07)) * size_px
        spot = canvas.ellipse(rng.uniform(0, 1, 2) * size_px, (radius, radius), 0.15 * radius)
        canvas.add(spot, _tint(rng, (20, 90), 12))


def _tint(rng: np.random.Generator, levels: tuple[float, float], chroma: float) -> NDArray[np.float64]:
    """Return a random colour (3,) in a range of brightness, near grey like most objects."""
    return rng.uniform(*levels) + rng.normal(0, chroma, 3)
