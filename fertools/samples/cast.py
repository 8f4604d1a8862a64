"""The cast: six characters who are the same in every drawn dataset, and how they show expressions.

A character shows each expression as its drawer means it: without an accent, without a share of another expression, and
nearly at full strength.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fertools.core.vocabulary import EMOTIONS
from fertools.samples.camera import Pose
from fertools.samples.expression import ACTION_NAMES, Actions, choose_manner
from fertools.samples.identity import Colour, Person, draw_character
from fertools.samples.moments import Moment
from fertools.samples.population import CAST
from fertools.samples.scene import draw_scene


@dataclass(frozen=True)
class _Design:
    """What distinguishes a character; lengths are in eye distances."""

    skin: Colour
    hair: Colour
    iris: Colour
    clothes: Colour
    hair_style: int
    volume: float
    face_width: float
    face_height: float
    jaw: float
    eye_height: float
    mouth_width: float
    brow_thickness: float


_DESIGNS = (
    _Design((244, 205, 172), (46, 34, 32), (70, 110, 150), (188, 70, 64), 0, 0.16, 1.18, 1.62, 0.86, 0.21, 0.44, 0.085),
    _Design(
        (250, 222, 200), (190, 76, 36), (74, 130, 80), (70, 110, 160), 1, 0.24, 1.10, 1.58, 0.62, 0.24, 0.38, 0.055
    ),
    _Design((128, 84, 62), (30, 24, 26), (96, 66, 40), (232, 180, 70), 3, 0.20, 1.08, 1.66, 0.68, 0.23, 0.42, 0.065),
    _Design(
        (206, 152, 112), (226, 196, 120), (60, 96, 128), (80, 140, 96), 2, 0.10, 1.04, 1.80, 0.74, 0.19, 0.40, 0.075
    ),
    _Design(
        (232, 184, 160), (84, 104, 190), (120, 76, 150), (60, 60, 72), 1, 0.32, 1.16, 1.54, 0.70, 0.26, 0.36, 0.060
    ),
    _Design(
        (176, 116, 84), (150, 148, 150), (88, 70, 50), (130, 90, 150), 0, 0.10, 1.22, 1.74, 0.94, 0.18, 0.48, 0.110
    ),
)
SIZE = len(_DESIGNS)
"""Number of characters."""
_AGAIN = Actions(**dict.fromkeys(ACTION_NAMES, 1.0))
"""The accent of somebody who shows each action at its own strength."""


def cast_member(number: int) -> Person:
    """Return character `number` of the cast, from 1 to `SIZE`."""
    design = _DESIGNS[number - 1]
    return replace(
        draw_character(number), name=f"c{number:02d}", accent=_AGAIN, brow_height=-0.42, **vars(design), brow_width=0.31
    )


def find_member(subject_id: str) -> Person | None:
    """Return the character of the cast with this identifier, such as `c01`; None if there is none."""
    members = (cast_member(number) for number in range(1, SIZE + 1))
    return next((member for member in members if member.subject_id == subject_id), None)


def perform(character: int, emotion: str, number: int, seed: int = 0) -> Moment:
    """Return performance `number` of a character, which no person plays in.

    Args:
        character: from 1 to `SIZE`.
        emotion: one of the seven. Performance 0 of `neutral` is the face at rest, from the front.
        number: of the performance, from 0.
        seed: of the dataset.
    """
    key = (5, character, EMOTIONS.index(emotion), number)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    member, peak = cast_member(character), float(rng.uniform(*CAST.peaks))
    manner = choose_manner(emotion, peak, member.accent, rng, CAST)
    scene = draw_scene("lab", rng)
    if emotion == "neutral" and number == 0:
        manner, scene = replace(manner, apex=Actions(), offset=Actions()), replace(scene, begin=Pose(), end=Pose())
    return Moment(member, member, manner, peak, scene, 0.0, number, CAST)
