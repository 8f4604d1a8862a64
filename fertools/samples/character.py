"""A drawn character with flat colours, dark outlines and large eyes, with the expression of a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fertools.samples.anatomy import SIDES, Eye, Face, flat
from fertools.samples.camera import Camera
from fertools.samples.canvas import Canvas
from fertools.samples.hair import paint_hair_behind, paint_hair_over
from fertools.samples.identity import Person

_INK = (44, 32, 38)
_WHITE = (250, 250, 246)
_INSIDE = (112, 30, 42)


def paint_character(canvas: Canvas, camera: Camera, character: Person, face: Face) -> None:
    """Paint a character over the canvas; see `draw_character` and `build_face` for the arguments."""
    painter = _Painter(canvas, camera, character, face)
    paint_hair_behind(canvas, camera, character)
    painter.body()
    painter.mouth()
    for eye in face.eyes:
        painter.eye(eye)
    paint_hair_over(canvas, camera, character, face)
    for eye in face.eyes:
        painter.fill(eye.brow, np.array(character.hair) * 0.6)


class _Painter:
    """Paints one character; lengths are in eye distances until they are painted."""

    def __init__(self, canvas: Canvas, camera: Camera, character: Person, face: Face) -> None:
        self.canvas, self.camera, self.character, self.face = canvas, camera, character, face
        self.unit_px = camera.unit_px
        self.skin = np.array(character.skin)

    def body(self) -> None:
        face, width, chin_y = self.face, self.character.face_width, self.character.face_height
        neck = [(-0.34, chin_y - 0.4), (-0.36, 2.4), (0.36, 2.4), (0.34, chin_y - 0.4)]
        cloth = [(-1.7, 3.6), (-1.45, 2.6), (-0.5, 2.2), (0.5, 2.2), (1.45, 2.6), (1.7, 3.6)]
        self.fill(flat(neck, -0.35), self.skin * 0.82)
        self.fill(flat(cloth, -0.4), self.character.clothes)
        self.stroke(flat(cloth, -0.4), 0.04)
        for side in SIDES:
            ear = self.camera.at(side * width, 0.2, -0.2)
            radii = np.array([0.15, 0.22]) * self.unit_px
            self.canvas.paint(self.canvas.ellipse(ear, radii + 0.03 * self.unit_px), _INK)
            self.canvas.paint(self.canvas.ellipse(ear, radii), self.skin * 0.92)
        self.fill(face.head, self.skin)
        # One hard shadow on one side of the face is the only shading.
        shade = self.canvas.polygon(self.camera(face.head))
        with self.canvas.within(shade):
            centre = self.camera.at(0.16, 0.16, 0.0)
            radii = np.array([1.10 * width, 1.62]) * self.unit_px
            lit = self.canvas.ellipse(centre, radii)
            self.canvas.multiply(shade, 0.86)
            self.canvas.paint(lit, self.skin)
        self.stroke(np.concatenate([face.head, face.head[:1]]), 0.035)
        for side in SIDES:
            cheek = self.camera.at(side * 0.66, 0.62, 0.6)
            blush = self.canvas.ellipse(cheek, (0.17 * self.unit_px, 0.11 * self.unit_px), 0.03 * self.unit_px)
            self.canvas.add(blush, (14, -14, -10))
        tip = face.nose[0]
        nose = [(-0.02, tip[1] - 0.16, tip[2]), (0.09, tip[1] + 0.02, tip[2]), (-0.05, tip[1] + 0.05, tip[2])]
        self.stroke(nose, 0.03)

    def mouth(self) -> None:
        face, unit = self.face, self.unit_px
        inside = self.canvas.polygon(self.camera(np.concatenate([face.upper_rim, face.lower_lip[::-1]])))
        gap = float(np.max(face.lower_rim[:, 1] - face.upper_rim[:, 1]))
        if gap > 0.05:
            self.canvas.paint(inside, _INSIDE)
            with self.canvas.within(inside):
                edge = face.upper_rim + np.array([0.0, min(0.35 * gap, 0.11), 0.0])
                self.fill(np.concatenate([face.upper_rim, edge[::-1]]), _WHITE)
                low = self.camera([face.lower_rim[len(face.lower_rim) // 2]])[0]
                tongue = self.canvas.ellipse(low, (0.2 * unit, 0.32 * gap * unit))
                self.canvas.paint(tongue, (222, 104, 112))
            self.stroke(face.lower_lip, 0.03)
        self.stroke(face.upper_rim, 0.045)

    def eye(self, eye: Eye) -> None:
        canvas, camera, unit = self.canvas, self.camera, self.unit_px
        upper, lower, centre = camera(eye.upper), camera(eye.lower), camera(eye.iris)[0]
        white = canvas.polygon(np.concatenate([upper, lower[::-1]]))
        canvas.paint(white, _WHITE)
        with canvas.within(white):
            for radius, colour in (
                (0.20, np.array(self.character.iris) * 0.7),
                (0.16, self.character.iris),
                (0.09, _INK),
            ):
                canvas.paint(canvas.ellipse(centre, (radius * unit, 1.15 * radius * unit)), colour)
            canvas.paint(canvas.ellipse(centre + np.array([0.06, -0.07]) * unit, (0.045 * unit, 0.045 * unit)), _WHITE)
        canvas.paint(canvas.line(upper, 0.065 * unit), _INK)
        canvas.paint(canvas.line(lower, 0.025 * unit), _INK, 0.8)

    def fill(self, points: ArrayLike, colour: ArrayLike) -> None:
        self.canvas.paint(self.canvas.polygon(self.camera(points)), colour)

    def stroke(self, points: ArrayLike | NDArray[np.float64], width: float) -> None:
        self.canvas.paint(self.canvas.line(self.camera(points), width * self.unit_px), _INK)
