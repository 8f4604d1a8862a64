"""Paint a thermal image of a person: brighter grey levels are warmer.

The warm and cool areas of a face follow thermography. The inner corners of the eyes and the forehead are warmest. The
tip of the nose and the ears are coolest. Hair and brows hide the skin, and glasses are opaque.

Source: Ioannou, Gallese and Merla, "Thermal infrared imaging in psychophysiology: Potentialities and limits",
Psychophysiology 51 (2014), for the pattern. The grey levels are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fertools.samples.anatomy import SIDES, Eye, Face, flat, on_skin
from fertools.samples.camera import Camera
from fertools.samples.canvas import Canvas
from fertools.samples.expression import Actions
from fertools.samples.hair import paint_hair_behind, paint_hair_over
from fertools.samples.identity import Person
from fertools.samples.warmth import Vessel

AIR, CLOTH, HAIR, GLASS, SKIN, CAVITY = 52.0, 84.0, 92.0, 60.0, 172.0, 214.0
"""Grey levels; that of skin is the mean person's cheek."""


def paint_thermal(canvas: Canvas, camera: Camera, person: Person, face: Face, actions: Actions) -> None:
    """Paint a thermal image over a background; see `paint_portrait` for the arguments."""
    painter = _Painter(canvas, camera, person, face, actions)
    paint_hair_behind(canvas, camera, person, (HAIR,) * 3)
    painter.body()
    painter.skin()
    painter.mouth()
    for eye in face.eyes:
        painter.eye(eye)
    paint_hair_over(canvas, camera, person, face, (HAIR,) * 3)
    if person.glasses:
        for side in SIDES:
            painter.spot((side * 0.52, 0.02), (0.36, 0.27), 0.03, GLASS, 1.0)


class _Painter:
    """Paints one face; lengths are in eye distances until they are painted."""

    def __init__(self, canvas: Canvas, camera: Camera, person: Person, face: Face, actions: Actions) -> None:
        self.canvas, self.camera, self.person, self.face, self.actions = canvas, camera, person, face, actions
        self.unit_px = camera.unit_px
        self.level = SKIN + person.warmth

    def body(self) -> None:
        canvas, camera, width = self.canvas, self.camera, self.person.face_width
        chin_y = self.person.face_height
        cloth = [(-2.6, 5.0), (-2.25, 2.75), (-0.6, 2.22), (0.6, 2.22), (2.25, 2.75), (2.6, 5.0)]
        neck = [(-0.58 * width, chin_y - 0.7), (-0.6 * width, 2.4), (0.6 * width, 2.4), (0.58 * width, chin_y - 0.7)]
        canvas.paint(canvas.polygon(camera(flat(cloth, -0.5)), 0.04 * self.unit_px), (CLOTH,) * 3)
        canvas.paint(canvas.polygon(camera(flat(neck, -0.35)), 0.03 * self.unit_px), (self.level + 8,) * 3)

    def skin(self) -> None:
        for side in SIDES:
            ear = self.camera.at(side * (self.person.face_width + 0.01), 0.18, -0.25)
            radii = (0.13 * self.unit_px, 0.27 * self.unit_px)
            self.canvas.paint(self.canvas.ellipse(ear, radii, 0.03 * self.unit_px), (self.level - 34,) * 3)
        head = self.canvas.polygon(self.camera(self.face.head), 0.02 * self.unit_px)
        self.canvas.paint(head, (self.level,) * 3)
        with self.canvas.within(head):
            heat = self.person.heat
            self.spot((0.0, -0.62), (0.72, 0.34), 0.20, self.level + 22 + heat.forehead, 0.9)
            for side, cheek in zip(SIDES, heat.cheeks, strict=True):
                self.spot((side * 0.20, 0.02), (0.12, 0.10), 0.06, self.level + 38 + heat.eyes, 0.9)
                self.spot((side * 0.62, 0.66), (0.30, 0.26), 0.14, self.level - 14 + cheek, 0.8)
                # Active muscles warm the skin above them: raised cheeks, and brows drawn together.
                self.spot((side * 0.55, 0.42), (0.24, 0.12), 0.08, self.level + 16, 0.6 * self.actions.cheek)
            self.spot((0.0, -0.30), (0.16, 0.14), 0.07, self.level + 34, 0.6 * self.actions.brow_lower)
            self.spot((0.0, float(self.face.nose[0, 1]) - 0.04), (0.20, 0.24), 0.09, self.level - 46 + heat.nose, 0.95)
            chin_y = float(self.face.chin[0, 1])
            self.spot((0.0, chin_y), (0.34, 0.20), 0.12, self.level - 10 + heat.chin, 0.8)
            for vessel in heat.vessels:
                self.vessel(vessel)
            for fold in self.face.folds:
                self.crease(fold, 0.06, 0.5 * (self.actions.corner_pull + self.actions.upper_lip))
            if self.person.beard:
                self.spot((0.0, chin_y - 0.05), (0.75, 0.36), 0.12, HAIR + 28, 0.8)

    def mouth(self) -> None:
        canvas, camera, face, unit = self.canvas, self.camera, self.face, self.unit_px
        outline = np.concatenate([face.upper_lip, face.lower_lip[::-1]])
        canvas.paint(canvas.polygon(camera(outline), 0.03 * unit), (self.level + 12 + self.person.heat.mouth,) * 3, 0.9)
        # An open mouth is warm inside; a closed one is a thin warm line.
        inside = np.concatenate([face.upper_rim, face.lower_rim[::-1]])
        canvas.paint(canvas.polygon(camera(inside), 0.02 * unit), (CAVITY,) * 3, 0.95)

    def eye(self, eye: Eye) -> None:
        canvas, camera, unit = self.canvas, self.camera, self.unit_px
        ball = np.concatenate([eye.upper, eye.lower[::-1]])
        canvas.paint(canvas.polygon(camera(ball), 0.02 * unit), (self.level - 30,) * 3, 0.9)
        canvas.paint(canvas.polygon(camera(eye.brow), 0.03 * unit), (self.level - 44,) * 3, 0.85)

    def spot(
        self, centre: tuple[float, float], radii: tuple[float, float], soft: float, level: float, opacity: float
    ) -> None:
        if opacity <= 0:
            return
        middle = self.camera(on_skin(self.person, [centre]))[0]
        radii_px = (radii[0] * self.unit_px, radii[1] * self.unit_px)
        patch = self.canvas.ellipse(middle, radii_px, soft * self.unit_px, self.camera.roll_deg)
        self.canvas.paint(patch, (level,) * 3, min(opacity, 1.0))

    def vessel(self, vessel: Vessel) -> None:
        width_px = vessel.width * self.unit_px
        patch = self.canvas.line(self.camera(on_skin(self.person, vessel.points)), width_px, 0.5 * width_px)
        self.canvas.add(patch, vessel.level)

    def crease(self, points: ArrayLike, width: float, depth: float) -> None:
        patch = self.canvas.line(self.camera(points), width * self.unit_px, 0.5 * width * self.unit_px)
        self.canvas.paint(patch, (self.level + 18,) * 3, min(depth, 0.7))
