"""Paint a person in visible light: shaded skin, then mouth, eyes and hair, from back to front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fertools.samples.anatomy import SIDES, Eye, Face, flat, on_skin
from fertools.samples.camera import Camera
from fertools.samples.canvas import Canvas
from fertools.samples.expression import Actions
from fertools.samples.hair import paint_hair_behind, paint_hair_over
from fertools.samples.identity import Person

_SCLERA = (232, 228, 224)
_LASHES = (34, 24, 22)
_MOUTH_INSIDE = (58, 18, 20)
_TEETH = (236, 230, 220)
_TONGUE = (168, 78, 80)


@dataclass(frozen=True)
class Light:
    """Direction and strength of the light.

    Attributes:
        x: horizontal direction, -1 to 1; positive is from the side of larger x.
        y: vertical direction, -1 to 1; negative is from above.
        ambient: share of ambient light, 0 to 1; a small share gives hard shadows.
    """

    x: float = 0.25
    y: float = -0.45
    ambient: float = 0.62

    def direction(self) -> NDArray[np.float64]:
        """Return the unit vector towards the light, z towards the camera."""
        vector = np.array([self.x, self.y, 0.85])
        return np.asarray(vector / np.linalg.norm(vector))


def paint_portrait(canvas: Canvas, camera: Camera, person: Person, face: Face, actions: Actions, light: Light) -> None:
    """Paint a person over the canvas.

    Args:
        canvas: canvas, painted in place.
        camera: camera that projects the face.
        person: colours and proportions.
        face: lines of the face with `actions`.
        actions: facial actions, for wrinkles and the inside of the mouth.
        light: the light.
    """
    painter = _Painter(canvas, camera, person, face, actions, light)
    paint_hair_behind(canvas, camera, person)
    painter.shoulders()
    painter.head()
    painter.nose()
    painter.wrinkles()
    painter.mouth()
    if person.beard:
        painter.beard()
    for eye in face.eyes:
        painter.eye(eye)
    paint_hair_over(canvas, camera, person, face)
    for eye in face.eyes:
        canvas.paint(canvas.polygon(camera(eye.brow), 0.02 * camera.unit_px), np.array(person.hair) * 0.75, 0.9)
    if person.glasses:
        painter.glasses()


class _Painter:
    """Paints one face; lengths are in eye distances until they are painted."""

    def __init__(
        self, canvas: Canvas, camera: Camera, person: Person, face: Face, actions: Actions, light: Light
    ) -> None:
        self.canvas, self.camera, self.person, self.face = canvas, camera, person, face
        self.actions, self.light, self.unit_px = actions, light, camera.unit_px
        self.skin = np.array(person.skin)

    def shoulders(self) -> None:
        canvas, camera, width = self.canvas, self.camera, self.person.face_width
        chin_y = self.person.face_height
        cloth = [
            (-2.6, 5.0),
            (-2.25, 2.75),
            (-1.3, 2.38),
            (-0.6, 2.22),
            (0.6, 2.22),
            (1.3, 2.38),
            (2.25, 2.75),
            (2.6, 5.0),
        ]
        neck = [
            (-0.58 * width, chin_y - 0.7),
            (-0.62 * width, 2.3),
            (0, 2.62),
            (0.62 * width, 2.3),
            (0.58 * width, chin_y - 0.7),
        ]
        canvas.paint(canvas.polygon(camera(flat(cloth, -0.5)), 0.02 * self.unit_px), self.person.clothes)
        canvas.paint(canvas.polygon(camera(flat(neck, -0.35)), 0.02 * self.unit_px), self.skin * 0.80)
        shadow = [(-0.6 * width, chin_y - 0.4), (0, chin_y + 0.28), (0.6 * width, chin_y - 0.4)]
        canvas.multiply(canvas.polygon(camera(flat(shadow, -0.3)), 0.09 * self.unit_px), 0.62)

    def head(self) -> None:
        canvas, camera, width = self.canvas, self.camera, self.person.face_width
        for side in SIDES:
            ear = camera.at(side * (width + 0.01), 0.18, -0.25)
            radii = (0.13 * self.unit_px, 0.27 * self.unit_px)
            canvas.paint(canvas.ellipse(ear, radii, 0.02 * self.unit_px, camera.roll_deg), self.skin * 0.84)
            inner = (0.06 * self.unit_px, 0.15 * self.unit_px)
            canvas.multiply(canvas.ellipse(ear, inner, 0.03 * self.unit_px, camera.roll_deg), 0.8)
        outline = canvas.polygon(camera(self.face.head), 0.012 * self.unit_px)
        canvas.paint(outline, self.skin)
        canvas.multiply(outline, self._shade(outline.rows, outline.columns))
        self._soft([(0.0, -0.62)], (0.55, 0.25), 0.16, add=14)
        for side in SIDES:
            self._soft([(side * 0.62, 0.62)], (0.24, 0.17), 0.10, add=(16, -1, -3))
            # The hollow between brow and eye is as important for detectors as the eye itself.
            self._soft([(side * 0.46, -0.10)], (0.30, 0.13), 0.07, multiply=0.80)
            self._soft([(side * 0.50, 0.16)], (0.24, 0.06), 0.05, multiply=0.88)
            self._soft([(side * 0.86, 0.75)], (0.10, 0.34), 0.12, multiply=0.88)
        chin_y = float(self.face.chin[0, 1])
        self._soft([(0.0, chin_y - 0.10)], (0.22, 0.05), 0.05, multiply=0.86)
        self._soft([(0.0, chin_y + 0.08)], (0.20, 0.11), 0.07, add=9)

    def nose(self) -> None:
        canvas, camera, unit = self.canvas, self.camera, self.unit_px
        tip, shaded = self.face.nose[0], -np.sign(self.light.x) or 1.0
        for side in SIDES:
            dark = 0.80 if side == shaded else 0.90
            flank = [
                (side * 0.13, 0.0),
                (side * 0.11, 0.5 * tip[1]),
                (side * 0.85 * self.person.nose_width, tip[1] - 0.05),
            ]
            points = camera(on_skin(self.person, flank, raised=0.1))
            canvas.multiply(canvas.line(points, 0.09 * unit, 0.045 * unit), dark)
        bridge = camera([(0.0, 0.0, 1.0), (0.0, 0.5 * tip[1], 1.16), (0.0, tip[1] - 0.06, 1.30)])
        canvas.add(canvas.line(bridge, 0.08 * unit, 0.04 * unit), 20)
        canvas.add(canvas.ellipse(camera(self.face.nose)[0], (0.07 * unit, 0.05 * unit), 0.03 * unit), 26)
        under = camera.at(0.0, tip[1] + 0.13, 1.12)
        canvas.multiply(canvas.ellipse(under, (0.20 * unit, 0.05 * unit), 0.035 * unit, camera.roll_deg), 0.72)
        for wing, nostril in zip(camera(self.face.wings), camera(self.face.nostrils), strict=True):
            canvas.multiply(canvas.ellipse(wing, (0.035 * unit, 0.075 * unit), 0.025 * unit, camera.roll_deg), 0.74)
            canvas.paint(
                canvas.ellipse(nostril, (0.052 * unit, 0.028 * unit), 0.012 * unit, camera.roll_deg),
                self.skin * 0.26,
                0.9,
            )

    def wrinkles(self) -> None:
        act, person = self.actions, self.person
        for fold in self.face.folds:
            depth = 0.07 + 0.20 * act.corner_pull + 0.17 * act.upper_lip + 0.12 * act.nose_wrinkle + 0.06 * act.stretch
            self._crease(fold, 0.06, depth)
        raised = max(act.inner_brow, act.outer_brow) * (1 - 0.6 * act.brow_lower)
        for number in range(3):
            y = -0.62 - 0.12 * number - 0.06 * raised
            half = 0.62 - 0.1 * number if act.outer_brow > 0.4 else 0.36
            line = [(x, y + 0.03 * (1 - abs(x) / half) * (1 if act.outer_brow > 0.4 else -1)) for x in (-half, 0, half)]
            self._crease(on_skin(person, line), 0.025, 0.32 * raised)
        for side in SIDES:
            frown = [(side * 0.10, -0.46), (side * 0.075, -0.20)]
            self._crease(on_skin(person, frown), 0.035, 0.34 * act.brow_lower)
            for turn in (-0.09, 0.0, 0.09):
                feet = [(side * 0.80, 0.02 + 0.4 * turn), (side * 0.97, 0.02 + 1.2 * turn)]
                self._crease(on_skin(person, feet), 0.02, 0.24 * act.cheek)
            bag = [(side * 0.28, 0.10), (side * 0.50, 0.17), (side * 0.72, 0.11)]
            self._crease(on_skin(person, bag), 0.03, 0.28 * act.cheek + 0.18 * act.lid_tighten)
            sniff = [(side * 0.03, 0.10), (side * 0.15, 0.24)]
            self._crease(on_skin(person, sniff, raised=0.1), 0.025, 0.30 * act.nose_wrinkle)
            droop = [
                tuple(self.face.corners[(side + 1) // 2, :2] + offset)
                for offset in ((0.02 * side, 0.03), (0.07 * side, 0.17))
            ]
            self._crease(on_skin(person, droop), 0.03, 0.28 * act.corner_depress)
        for y in (0.10, 0.17):
            self._crease(
                on_skin(person, [(-0.08, y), (0.0, y - 0.02), (0.08, y)], raised=0.1), 0.02, 0.26 * act.nose_wrinkle
            )

    def mouth(self) -> None:
        canvas, camera, unit, face = self.canvas, self.camera, self.unit_px, self.face
        inside = canvas.polygon(camera(np.concatenate([face.upper_rim, face.lower_rim[::-1]])), 0.008 * unit)
        canvas.paint(inside, _MOUTH_INSIDE)
        gap = float(np.max(face.lower_rim[:, 1] - face.upper_rim[:, 1]))
        with canvas.within(inside):
            if gap > 0.06:
                # A mouth that drops open without raised lips hardly shows the teeth.
                shown = min(0.45 * gap, 0.14) * (
                    1 - 0.55 * min(1.0, self.actions.jaw) * (1 - min(1.0, self.actions.corner_pull))
                )
                edge = face.upper_rim + np.array([0.0, shown, 0.0])
                teeth = canvas.polygon(camera(np.concatenate([face.upper_rim, edge[::-1]])), 0.012 * unit)
                canvas.paint(teeth, _TEETH, 0.92)
            if gap > 0.16:
                middle = face.lower_rim[len(face.lower_rim) // 2]
                radii = (0.55 * self.person.mouth_width * unit, 0.30 * gap * unit)
                canvas.paint(canvas.ellipse(camera([middle])[0], radii, 0.03 * unit, camera.roll_deg), _TONGUE, 0.8)
        lips = np.array(self.person.lips)
        upper = canvas.polygon(camera(np.concatenate([face.upper_lip, face.upper_rim[::-1]])), 0.012 * unit)
        lower = canvas.polygon(camera(np.concatenate([face.lower_rim, face.lower_lip[::-1]])), 0.012 * unit)
        canvas.paint(upper, lips * 0.84, 0.92)
        canvas.paint(lower, lips, 0.92)
        shine = (face.lower_rim + face.lower_lip)[12:-12] / 2
        canvas.add(canvas.line(camera(shine), 0.03 * unit, 0.02 * unit), 18)
        if gap < 0.06:
            canvas.paint(canvas.line(camera(face.upper_rim), 0.022 * unit, 0.008 * unit), _MOUTH_INSIDE, 0.85)
        for corner in camera(face.corners):
            canvas.multiply(canvas.ellipse(corner, (0.04 * unit, 0.035 * unit), 0.02 * unit), 0.62)

    def beard(self) -> None:
        canvas, camera, face = self.canvas, self.camera, self.face
        jaw = face.head[(face.head[:, 1] > 0.75)]
        jaw = jaw[np.argsort(jaw[:, 0])]
        chin_y, width = float(jaw[:, 1].max()), self.person.face_width
        above = [
            (0.82 * width, 0.75),
            (0.62, 0.98),
            (0.30, 1.36),
            (0.0, 1.42),
            (-0.30, 1.36),
            (-0.62, 0.98),
            (-0.82 * width, 0.75),
        ]
        below = [
            (-0.93 * width, 0.75),
            (-0.72 * width, 1.25),
            (-0.3, chin_y),
            (0.0, chin_y + 0.03),
            (0.3, chin_y),
            (0.72 * width, 1.25),
            (0.93 * width, 0.75),
        ]
        # The beard hangs from the jaw, so an open mouth moves it down.
        drop = np.array([0.0, chin_y - self.person.face_height - 0.02])
        shifted = [(x, y + drop[1] * (y > 1.2)) for x, y in above]
        patch = canvas.polygon(camera(on_skin(self.person, below + shifted)), 0.05 * self.unit_px)
        canvas.paint(patch, np.array(self.person.hair) * 0.9, 0.72)

    def eye(self, eye: Eye) -> None:
        canvas, camera, unit = self.canvas, self.camera, self.unit_px
        upper, lower, centre = camera(eye.upper), camera(eye.lower), camera(eye.iris)[0]
        white = canvas.polygon(np.concatenate([upper, lower[::-1]]), 0.008 * unit)
        # Eyes are in the shade of the brow, never in full light.
        canvas.paint(white, np.array(_SCLERA) * 0.92)
        with canvas.within(white):
            canvas.paint(
                canvas.ellipse(centre, (0.118 * unit, 0.118 * unit), 0.012 * unit), np.array(self.person.iris) * 0.55
            )
            canvas.paint(canvas.ellipse(centre, (0.096 * unit, 0.096 * unit), 0.02 * unit), self.person.iris)
            canvas.paint(canvas.ellipse(centre, (0.05 * unit, 0.05 * unit), 0.01 * unit), (12, 10, 10))
            canvas.multiply(canvas.line(upper, 0.07 * unit, 0.02 * unit), 0.62)
            glint = centre + np.array([0.035 * np.sign(self.light.x), -0.035]) * unit
            canvas.paint(canvas.ellipse(glint, (0.022 * unit, 0.022 * unit), 0.006 * unit), (250, 250, 250), 0.95)
        canvas.paint(canvas.line(upper, 0.042 * unit, 0.010 * unit), _LASHES, 0.88)
        canvas.paint(canvas.line(lower, 0.018 * unit, 0.010 * unit), self.skin * 0.45, 0.6)
        crease = eye.upper - np.array([0.0, 0.055 + 0.02 * self.actions.lid_raise, 0.0])
        canvas.multiply(canvas.line(camera(crease[2:-2]), 0.022 * unit, 0.012 * unit), 0.68)

    def glasses(self) -> None:
        canvas, camera, unit = self.canvas, self.camera, self.unit_px
        angle = np.linspace(0, 2 * np.pi, 41)
        for side in SIDES:
            rim = np.column_stack([side * 0.52 + 0.36 * np.cos(angle), 0.02 + 0.27 * np.sin(angle), np.full(41, 1.05)])
            canvas.paint(canvas.line(camera(rim), 0.035 * unit, 0.006 * unit), (40, 36, 36), 0.9)
            temple = [(side * 0.88, -0.02, 1.0), (side * self.person.face_width, -0.05, 0.1)]
            canvas.paint(canvas.line(camera(temple), 0.035 * unit, 0.008 * unit), (40, 36, 36), 0.8)
        bridge = [(-0.16, -0.02, 1.1), (0.0, -0.06, 1.14), (0.16, -0.02, 1.1)]
        canvas.paint(canvas.line(camera(bridge), 0.035 * unit, 0.006 * unit), (40, 36, 36), 0.9)

    def _shade(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return (rows, columns, 1) brightness of an ellipsoid of the head's size, lit from one side."""
        centre = self.camera.at(0.0, 0.30, 0.0)
        y, x = np.mgrid[rows, columns]
        across = (x - centre[0]) / (1.12 * self.person.face_width * self.unit_px)
        down = (y - centre[1]) / (1.62 * self.unit_px)
        towards = np.sqrt(np.clip(1 - across**2 - down**2, 0.02, 1))
        lit = np.stack([across, down, towards], axis=-1) @ self.light.direction()
        ambient = self.light.ambient
        return np.asarray(0.06 + ambient + (1.12 - ambient) * np.clip(lit, 0, 1)[..., None], np.float32)

    def _soft(
        self,
        centre: ArrayLike,
        radii: tuple[float, float],
        soft: float,
        *,
        multiply: float | None = None,
        add: ArrayLike | None = None,
    ) -> None:
        """Darken or brighten a soft ellipse on the skin; all lengths are in eye distances."""
        middle = self.camera(on_skin(self.person, centre))[0]
        radii_px = (radii[0] * self.unit_px, radii[1] * self.unit_px)
        patch = self.canvas.ellipse(middle, radii_px, soft * self.unit_px, self.camera.roll_deg)
        if multiply is not None:
            self.canvas.multiply(patch, multiply)
        if add is not None:
            self.canvas.add(patch, add)

    def _crease(self, points: NDArray[np.float64], width: float, depth: float) -> None:
        """Darken a line on the skin; a depth of 0 leaves the skin smooth."""
        if depth < 0.02:
            return
        patch = self.canvas.line(self.camera(points), width * self.unit_px, 0.6 * width * self.unit_px)
        self.canvas.multiply(patch, 1 - min(depth, 0.6))
