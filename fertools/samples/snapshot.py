"""What happens to a picture that nobody arranged: passers-by, things in front of the face, shadows, a poor camera.

Everything is drawn from the seed of the scene, so a moment has the same accidents with any expression.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.samples.anatomy import build_face, flat, on_skin
from fertools.samples.camera import Camera, Pose
from fertools.samples.canvas import Canvas
from fertools.samples.expression import Actions
from fertools.samples.identity import Person, draw_person
from fertools.samples.portrait import Light, paint_portrait

Image = NDArray[np.uint8]

COVERS = ("hand", "sunglasses", "scarf", "object")
"""What can be in front of a face."""
_COVERED = 0.3
"""Share of the faces with something in front of them."""
_SHADED = 0.5
"""Share of the pictures with a shadow of something outside of them."""
_GREY = 0.25
"""Share of grey pictures."""
_MOST_BYSTANDERS = 2
_QUALITY = (20, 80)
"""Range of the JPEG quality."""
_EXPOSURE = (0.75, 1.25)
"""Range of the factor on the light."""
_GAMMA = (0.75, 1.3)
_MOTION_PX = 5.0
"""Longest trail of motion blur, for a picture of 256 pixels."""
_PASSERS_BY = 1 << 33
"""Offset of the seeds of passers-by; no population of people has these seeds."""


@dataclass(frozen=True)
class Accidents:
    """The accidents of one picture.

    Attributes:
        cover: one of `COVERS`; empty for a free face.
        is_shaded: whether a shadow covers a part of the picture.
        is_grey: whether the picture has no colours.
        exposure: factor on the light.
        gamma: exponent of the tone curve.
        motion_px: length of the motion blur, for a picture of 256 pixels.
        motion_deg: direction of the motion blur.
        quality: quality of the JPEG file.
        seed: random seed of the places of covers, shadows and passers-by.
    """

    cover: str
    is_shaded: bool
    is_grey: bool
    exposure: float
    gamma: float
    motion_px: float
    motion_deg: float
    quality: int
    seed: int

    def paint_behind(self, canvas: Canvas, size_px: int) -> None:
        """Paint people who pass behind the person."""
        rng = np.random.default_rng((self.seed, 1))
        for _ in range(int(rng.integers(_MOST_BYSTANDERS + 1))):
            passer = draw_person(1, _PASSERS_BY + int(rng.integers(1 << 16)))
            side = float(rng.choice((-1, 1)))
            pose = Pose(
                yaw_deg=float(rng.uniform(-30, 30)),
                scale=float(rng.uniform(0.05, 0.10)),
                x=0.5 + side * float(rng.uniform(0.24, 0.48)),
                y=float(rng.uniform(0.20, 0.50)),
            )
            face = build_face(passer, Actions())
            paint_portrait(canvas, Camera(pose, size_px), passer, face, Actions(), Light())

    def paint_front(self, canvas: Canvas, camera: Camera, person: Person) -> None:
        """Paint what is in front of the face, then the shadow."""
        rng = np.random.default_rng((self.seed, 2))
        if self.cover == "hand":
            _hand(canvas, camera, person, rng)
        elif self.cover == "sunglasses":
            for side in (-1, 1):
                middle = camera(on_skin(person, [(side * 0.52, 0.03)], raised=0.1))[0]
                radii = np.array([0.38, 0.29]) * camera.unit_px
                canvas.paint(canvas.ellipse(middle, radii, 0.02 * camera.unit_px, camera.roll_deg), (24, 22, 26), 0.96)
            bridge = camera([(-0.2, -0.08, 1.1), (0.0, -0.10, 1.14), (0.2, -0.08, 1.1)])
            canvas.paint(canvas.line(bridge, 0.06 * camera.unit_px), (24, 22, 26))
        elif self.cover == "scarf":
            top = float(rng.uniform(0.86, 1.15))
            cloth = [(-1.3, top - 0.15), (0.0, top + 0.10), (1.3, top - 0.15), (1.6, 2.8), (-1.6, 2.8)]
            canvas.paint(canvas.polygon(camera(flat(cloth, 0.7)), 0.03 * camera.unit_px), _muted(rng))
        elif self.cover == "object":
            middle = camera(on_skin(person, [tuple(rng.uniform((-0.9, -0.5), (0.9, 1.5)))]))[0]
            radii = rng.uniform((0.18, 0.4), (0.4, 0.9)) * camera.unit_px
            patch = canvas.ellipse(middle, radii, float(rng.uniform(0.03, 0.12)) * camera.unit_px, rng.uniform(0, 180))
            canvas.paint(patch, _muted(rng), 0.95)
        if self.is_shaded:
            _shadow(canvas, rng)

    def develop(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the picture as the lens and the camera's processing change it; still without noise."""
        size_px = len(image)
        length_px = self.motion_px * size_px / 256
        if length_px > 1:
            trail = _trail(length_px, self.motion_deg)
            image = np.asarray(cv2.filter2D(image, -1, trail, borderType=cv2.BORDER_REFLECT), np.float32)
        toned = 255 * np.clip(self.exposure * image / 255, 0, 1) ** np.float32(self.gamma)
        if self.is_grey:
            toned = np.repeat((toned @ np.array([0.299, 0.587, 0.114], np.float32))[..., None], 3, axis=2)
        return np.asarray(toned, np.float32)

    def save(self, image: Image) -> Image:
        """Return the picture after it was a JPEG file; a grey one has no coloured noise."""
        if self.is_grey:
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def draw_accidents(seed: int) -> Accidents:
    """Return the accidents of a scene with this seed."""
    rng = np.random.default_rng((seed, 3))
    cover = COVERS[int(rng.integers(len(COVERS)))] if rng.random() < _COVERED else ""
    return Accidents(
        cover=cover,
        is_shaded=bool(rng.random() < _SHADED),
        is_grey=bool(rng.random() < _GREY),
        exposure=float(rng.uniform(*_EXPOSURE)),
        gamma=float(rng.uniform(*_GAMMA)),
        motion_px=float(rng.uniform(0, _MOTION_PX)),
        motion_deg=float(rng.uniform(0, 180)),
        quality=int(rng.integers(*_QUALITY)),
        seed=seed,
    )


def _hand(canvas: Canvas, camera: Camera, person: Person, rng: np.random.Generator) -> None:
    """Paint a hand at a cheek, the chin or before the mouth, with fingers that point up."""
    unit = camera.unit_px
    x, y = ((-0.95, 0.95), (0.0, 1.75), (0.95, 0.95), (0.15, 1.10))[int(rng.integers(4))]
    skin = np.array(person.skin) * float(rng.uniform(0.8, 0.98))
    palm = camera(on_skin(person, [(x, y + 0.35)], raised=0.3))[0]
    canvas.paint(canvas.ellipse(palm, (0.42 * unit, 0.40 * unit), 0.02 * unit), skin * 0.92)
    lean = float(rng.uniform(-0.25, 0.25))
    for finger in range(4):
        begin_x = x + 0.19 * (finger - 1.5)
        length = (0.62, 0.74, 0.70, 0.55)[finger]
        points = flat([(begin_x, y + 0.30), (begin_x + lean * length, y + 0.30 - length)], 1.1)
        canvas.multiply(canvas.line(camera(points), 0.22 * unit, 0.03 * unit), 0.7)
        canvas.paint(canvas.line(camera(points), 0.165 * unit, 0.02 * unit), skin)


def _muted(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random colour (3,) near grey."""
    return np.clip(rng.uniform(40, 200) + rng.normal(0, 30, 3), 10, 240)


def _shadow(canvas: Canvas, rng: np.random.Generator) -> None:
    """Darken one side of a line through the picture."""
    size_px = len(canvas.image)
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.15, 0.15)
    normal = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-normal[1], normal[0]])
    middle = np.array([0.5, 0.48]) + offset * normal
    corners = [middle - 2 * along, middle + 2 * along, middle + 2 * along + 2 * normal, middle - 2 * along + 2 * normal]
    soft_px = float(rng.uniform(0.01, 0.06)) * size_px
    canvas.multiply(canvas.polygon(np.array(corners) * size_px, soft_px), float(rng.uniform(0.45, 0.8)))


def _trail(length_px: float, direction_deg: float) -> NDArray[np.float32]:
    """Return a kernel that moves a picture along a line."""
    half = int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1, 3), np.float32)
    reach = np.array([np.cos(np.deg2rad(direction_deg)), np.sin(np.deg2rad(direction_deg))]) * length_px / 2
    line = Canvas(kernel).line(np.array([half - reach, half + reach]), 1.0)
    Canvas(kernel).paint(line, (1.0, 1.0, 1.0))
    return np.asarray(kernel[..., 0] / kernel[..., 0].sum(), np.float32)
