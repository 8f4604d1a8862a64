"""The anatomy of a drawn face: three-dimensional points for a person and the actions of the face.

The unit is the distance between the eyes. The origin is between the eyes, x points to the right of the picture, y down,
z towards the camera. The skin is an ellipsoid with a nose. Rotating these points turns the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fertools.samples.expression import Actions
from fertools.samples.identity import Person

Points = NDArray[np.float64]
"""(n, 3) x, y, z."""

JAW_TRAVEL = 0.34
"""Movement of the chin when the jaw drops as far as possible."""

SIDES = (-1, 1)
"""Signs of the two sides: smaller x first."""


@dataclass(frozen=True)
class Eye:
    """One eye and its brow: lids from inner to outer corner, centre of the iris, outline of the brow."""

    upper: Points
    lower: Points
    iris: Points
    brow: Points


@dataclass(frozen=True)
class Face:
    """The lines of one face.

    Attributes:
        head: outline of the head.
        eyes: the two eyes, smaller x first.
        nose: (1, 3) tip of the nose.
        nostrils: (2, 3) the nostrils.
        wings: (2, 3) sides of the nose.
        corners: (2, 3) corners of the mouth, smaller x first.
        upper_lip: outer edge of the upper lip, from smaller to larger x, as in the other three edges.
        upper_rim: inner edge of the upper lip.
        lower_rim: inner edge of the lower lip.
        lower_lip: outer edge of the lower lip.
        folds: the two lines from nose to mouth.
        chin: (1, 3) the point below the mouth.
    """

    head: Points
    eyes: tuple[Eye, Eye]
    nose: Points
    nostrils: Points
    wings: Points
    corners: Points
    upper_lip: Points
    upper_rim: Points
    lower_rim: Points
    lower_lip: Points
    folds: tuple[Points, Points]
    chin: Points

    @property
    def five_points(self) -> Points:
        """(5, 3) left eye, right eye, nose, left mouth corner, right mouth corner."""
        return np.concatenate([self.eyes[0].iris, self.eyes[1].iris, self.nose, self.corners])


def build_face(person: Person, actions: Actions) -> Face:
    """Return the lines of a person's face with these actions."""
    nose_y = person.nose_length - 0.05 * actions.nose_wrinkle
    wing = person.nose_width * (1 + 0.15 * actions.nose_wrinkle + 0.10 * actions.corner_pull)
    nostril_y = nose_y + 0.085 - 0.03 * actions.upper_lip
    mouth = _mouth(person, actions)
    width, corner_y = float(mouth["corners"][1, 0]), float(mouth["corners"][1, 1])
    folds = tuple(
        on_skin(
            person,
            [
                (side * (wing + 0.02), nose_y + 0.03),
                (
                    side * (0.78 * width + 0.16),
                    (person.mouth_height + nose_y) / 2 + 0.02 - 0.04 * actions.corner_pull,
                ),
                (side * (width + 0.13), corner_y + 0.02),
            ],
        )
        for side in SIDES
    )
    return Face(
        head=_head(person, actions),
        eyes=(_eye(person, actions, -1), _eye(person, actions, 1)),
        nose=np.array([[0.0, nose_y, 1.32]]),
        nostrils=on_skin(person, [(side * 0.55 * wing, nostril_y) for side in SIDES], raised=0.22),
        wings=on_skin(person, [(side * wing, nose_y + 0.04) for side in SIDES], raised=0.12),
        folds=(folds[0], folds[1]),
        chin=on_skin(person, [(0.0, person.face_height - 0.28 + JAW_TRAVEL * actions.jaw)]),
        **mouth,
    )


def on_skin(person: Person, points: ArrayLike, raised: float = 0.0) -> Points:
    """Return points (n, 2) of the face plane, projected onto the skin and `raised` above it."""
    flat = np.asarray(points, dtype=np.float64)
    x, y = flat[:, 0] / person.face_width, (flat[:, 1] - 0.35) / 1.75
    depth = 0.95 * np.sqrt(np.clip(1 - x * x - y * y, 0, 1)) + raised
    return np.column_stack([flat, depth])


def flat(points: ArrayLike, z: float) -> Points:
    """Return points (n, 2) at one depth."""
    plane = np.asarray(points, dtype=np.float64)
    return np.column_stack([plane, np.full(len(plane), z)])


def _head(person: Person, actions: Actions) -> Points:
    angle = np.linspace(0, 2 * np.pi, 97)[:-1]
    across, down = np.cos(angle), np.sin(angle)
    chin_y = person.face_height - 0.23 + 0.75 * JAW_TRAVEL * actions.jaw
    narrowing = 1 - (1 - person.jaw) * np.clip(down, 0, 1) ** 2.2
    roundness = 0.62 + 0.25 * (1 - person.jaw)
    below = np.sign(across) * narrowing * np.abs(across) ** roundness
    above = across * (1 - 0.06 * down * down)
    x = person.face_width * np.where(down >= 0, below, above)
    y = 0.25 + np.where(down >= 0, chin_y * down, 1.35 * down)
    return np.column_stack([x, y, np.full(len(x), -0.05)])


def _eye(person: Person, actions: Actions, side: int) -> Eye:
    tight = actions.lid_tighten
    opening = 1 + 0.75 * actions.lid_raise - 0.45 * tight - 0.21 * actions.cheek - 0.30 * actions.nose_wrinkle
    floor = 1 + 0.25 * actions.lid_raise - 0.55 * tight - 0.75 * actions.cheek - 0.30 * actions.nose_wrinkle
    along = np.linspace(-1, 1, 25)
    x = 0.5 + person.eye_width * along
    tilt = person.eye_tilt * along
    upper = -person.eye_height * max(opening, 0.06) * (1 - np.abs(along) ** 2.2) + tilt
    lower = 0.62 * person.eye_height * max(floor, 0.06) * (1 - along**2) + tilt
    return Eye(
        upper=on_skin(person, np.column_stack([side * x, upper])),
        lower=on_skin(person, np.column_stack([side * x, lower])),
        iris=on_skin(person, [(side * 0.5, -0.012)]),
        brow=_brow(person, actions, side),
    )


def _brow(person: Person, actions: Actions, side: int) -> Points:
    along = np.linspace(-1, 1, 21)
    inner, outer = (1 - along) / 2, (1 + along) / 2
    y = person.brow_height - 0.05 * (1 - along**2) - 0.02 * outer
    y = y - 0.20 * actions.inner_brow * inner**1.2
    y = y - 0.20 * actions.outer_brow * outer**0.7 * (1 - 0.25 * outer)
    y = y + actions.brow_lower * (0.20 * inner**1.1 + 0.06 * outer) + 0.08 * actions.nose_wrinkle * inner
    x = 0.52 + person.brow_width * along - 0.07 * actions.brow_lower * inner
    taper = np.sqrt(np.clip(1 - ((along + 0.35) / 1.36) ** 2, 0, 1))
    half = person.brow_thickness * (0.55 + 0.45 * taper) / 2
    top, bottom = np.column_stack([side * x, y - half]), np.column_stack([side * x, y + half])
    return on_skin(person, np.concatenate([top, bottom[::-1]]))


def _mouth(person: Person, actions: Actions) -> dict[str, Points]:
    drop = JAW_TRAVEL * actions.jaw
    width = person.mouth_width * (
        1
        + 0.26 * actions.corner_pull
        + 0.24 * actions.stretch
        - 0.10 * actions.press
        - 0.20 * actions.jaw * (1 - min(actions.corner_pull, 1))
        - 0.06 * actions.corner_depress
    )
    corner_y = person.mouth_height - 0.17 * actions.corner_pull + 0.13 * actions.corner_depress
    corner_y += 0.04 * actions.stretch + 0.30 * drop
    gap = 1.05 * drop + 0.075 * actions.upper_lip * (1 - 0.3 * actions.nose_wrinkle)
    gap += 0.05 * actions.corner_pull * actions.jaw
    lip = person.lip * max(0.3, 1 - 0.62 * actions.press - 0.15 * actions.corner_pull - 0.20 * actions.stretch)
    along = np.linspace(-1, 1, 41)
    arch = 1 - along**2
    line = person.mouth_height + (corner_y - person.mouth_height) * along**2
    upper_rim = line - (0.06 * actions.upper_lip + 0.02 * actions.corner_pull + 0.18 * gap) * arch
    lower_rim = line + 0.82 * gap * arch**0.8 + 0.01
    bow = 0.22 * np.exp(-((along / 0.10) ** 2))
    edges = {
        "upper_lip": upper_rim - lip * arch**0.75 * (1 - bow),
        "upper_rim": upper_rim,
        "lower_rim": lower_rim,
        "lower_lip": lower_rim + 1.3 * lip * arch**0.7,
    }
    lines = {name: on_skin(person, np.column_stack([width * along, y]), 0.06) for name, y in edges.items()}
    return {**lines, "corners": on_skin(person, [(side * width, corner_y) for side in SIDES], 0.06)}
