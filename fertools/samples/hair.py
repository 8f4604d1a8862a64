"""Draw hair: behind the head, and over the forehead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fertools.samples.anatomy import SIDES, Face, flat, on_skin
from fertools.samples.camera import Camera
from fertools.samples.canvas import Canvas
from fertools.samples.identity import Colour, Person

SHORT, TO_THE_CHIN, HIGH_BROW, LONG = range(4)
"""The styles of `Person.hair_style`."""

_HAIRLINE = {SHORT: -0.70, TO_THE_CHIN: -0.62, HIGH_BROW: -0.88, LONG: -0.74}
_LENGTH = {TO_THE_CHIN: 1.45, LONG: 2.75}


def paint_hair_behind(canvas: Canvas, camera: Camera, person: Person, colour: Colour | None = None) -> None:
    """Paint hair behind the neck, if the style has any; None for the person's own colour."""
    length = _LENGTH.get(person.hair_style)
    if length is None:
        return
    down = np.linspace(-0.9, length, 12)
    half = _half_width(person, down, length)
    outline = np.concatenate([np.column_stack([half, down]), np.column_stack([-half, down])[::-1]])
    canvas.paint(
        canvas.polygon(camera(flat(outline, -0.3)), 0.04 * camera.unit_px), np.array(colour or person.hair) * 0.72
    )


def paint_hair_over(canvas: Canvas, camera: Camera, person: Person, face: Face, colour: Colour | None = None) -> None:
    """Paint the hair on top of the head, with highlights, and the strands beside the face."""
    unit = camera.unit_px
    cap = canvas.polygon(camera(_cap(person, face)), 0.025 * unit)
    canvas.paint(cap, colour or person.hair)
    with canvas.within(cap):
        sheen = [(x, -1.02 - 0.10 * (1 - (x / 0.9) ** 2), 0.5) for x in np.linspace(-0.8, 0.8, 9)]
        canvas.add(canvas.line(camera(sheen), 0.10 * unit, 0.06 * unit), 24)
        for x in np.linspace(-1.0, 1.0, 9) * person.face_width:
            strand = [(0.75 * x, -1.30 - person.volume, 0.2), (x, _HAIRLINE[person.hair_style] + 0.1, 0.5)]
            canvas.multiply(canvas.line(camera(strand), 0.03 * unit, 0.02 * unit), 0.82)
    length = _LENGTH.get(person.hair_style)
    if length is None:
        return
    down = np.linspace(-0.62, length, 12)
    outer = _half_width(person, down, length)
    # From the hairline past the ear to a point on the shoulder.
    inner = person.face_width * np.interp(down, (-0.62, -0.3, 0.3, 1.0, 2.8), (0.82, 0.93, 0.92, 0.99, 0.94))
    for side in SIDES:
        outline = np.concatenate([np.column_stack([inner, down]), np.column_stack([outer, down])[::-1]])
        lock = flat(outline * (side, 1), 0.1)
        canvas.paint(canvas.polygon(camera(lock), 0.03 * unit), np.array(colour or person.hair) * 0.92)


def _half_width(person: Person, down: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return the half width of hair of some length at each height: round at the top, narrower at the ends."""
    full = person.face_width + person.volume + 0.04
    above = np.sqrt(np.clip(1 - ((np.minimum(down, 0.25) - 0.25) / (1.35 + 1.2 * person.volume)) ** 2, 0, 1))
    ends = 1 - 0.22 * np.clip((down - 0.6 * length) / (0.4 * length), 0, 1) ** 2
    return np.asarray(full * above * ends)


def _cap(person: Person, face: Face) -> NDArray[np.float64]:
    """Return the outline of the hair on top: around the skull, and back along the hairline."""
    grow = 1 + person.volume
    skull = face.head[face.head[:, 1] < 0.12]
    # Sorted by angle around the middle of the head, so the outline runs from one ear over the top to the other.
    skull = skull[np.argsort(np.arctan2(skull[:, 0], 0.25 - skull[:, 1]))]
    outside = np.column_stack(
        [skull[:, 0] * (1 + 0.6 * person.volume), 0.25 + (skull[:, 1] - 0.25) * grow, skull[:, 2]]
    )
    height, width = _HAIRLINE[person.hair_style], person.face_width
    line = [(1.0 * width, 0.02), (0.96 * width, -0.30), (0.66 * width, height + 0.10), (0.30, height)]
    line += [(-0.10, height - 0.05), (-0.66 * width, height + 0.12), (-0.96 * width, -0.30), (-1.0 * width, 0.02)]
    return np.concatenate([outside, on_skin(person, line)])
