"""Invented people: proportions, skin, hair, and individual facial movements.

Lengths are in units of the eye distance, so a number means the same on every face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fertools.samples.expression import ACTION_NAMES, Actions, draw_accent, draw_rest
from fertools.samples.population import STANDARD, Population
from fertools.samples.warmth import EVEN, Warmth, draw_warmth

Colour = tuple[float, float, float]

_LIGHT_SKIN = np.array([236.0, 196.0, 170.0])
_DARK_SKIN = np.array([112.0, 72.0, 52.0])
_HAIR = ((28, 22, 20), (58, 38, 26), (96, 62, 34), (170, 130, 76), (120, 52, 28), (130, 126, 124))
_IRIS = ((70, 48, 30), (52, 84, 110), (76, 100, 62), (98, 78, 44))
CHARACTER_SEEDS = 1 << 32
"""Offset of the seeds of characters; no population of people has these seeds."""
_CLOTHES = ((60, 70, 95), (110, 60, 60), (70, 90, 70), (80, 80, 84), (120, 104, 80))


@dataclass(frozen=True)
class Person:
    """An invented person; all lengths are in eye distances.

    Attributes:
        number: number of the person, from 1; `p01` is the first.
        skin: colour of the skin, as RGB from 0 to 255; the other colours have the same form.
        face_width: half the width of the head.
        face_height: distance from the eye line to the chin.
        jaw: width of the jaw relative to the head.
        eye_width: half the length of an eye.
        eye_height: opening of the upper lid.
        eye_tilt: how much lower the outer corner of the eye is.
        brow_height: position of the brow; negative is up.
        nose_length: distance from the eye line to the tip of the nose.
        mouth_height: distance from the eye line to the mouth.
        mouth_width: half the width of the mouth.
        hair_style: 0 short, 1 to the chin, 2 a high brow, 3 long.
        volume: thickness of the hair.
        beard: whether the person has a beard.
        glasses: whether the person wears glasses.
        accent: the person's factor on each facial action.
        warmth: difference of the skin from the mean person in a thermal image, in grey levels.
        heat: difference of the warmth over the face.
        rest: actions of the face at rest; None for none.
        name: identifier of a character of the cast; empty for others.
    """

    number: int
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    clothes: Colour
    face_width: float
    face_height: float
    jaw: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_height: float
    brow_thickness: float
    brow_width: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip: float
    hair_style: int
    volume: float
    beard: bool
    glasses: bool
    accent: Actions
    warmth: float
    heat: Warmth = EVEN
    rest: Actions | None = None
    name: str = ""

    @property
    def subject_id(self) -> str:
        """The name of the person's folder."""
        return self.name or f"p{self.number:02d}"


def draw_person(number: int, seed: int = 0, population: Population = STANDARD) -> Person:
    """Return person `number` (from 1) of the population `seed`, whatever the number of people is."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, number)))

    def vary(middle: float, spread: float) -> float:
        return middle + float(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))

    def length(middle: float, spread: float) -> float:
        return vary(middle, population.proportions * spread)

    tone = float(rng.uniform(0, 1))
    skin = _LIGHT_SKIN * (1 - tone) + _DARK_SKIN * tone + [vary(0, 4) for _ in range(3)]
    lips = np.array([188.0, 98.0, 94.0]) * (1 - 0.35 * tone) + vary(0, 5)
    # A stream of its own, so that the others draw the same in every population.
    own = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, number)))
    return Person(
        number=number,
        skin=_colour(skin),
        hair=_colour(np.array(_HAIR[int(rng.integers(len(_HAIR)))]) + vary(0, 6)),
        iris=_colour(np.array(_IRIS[int(rng.integers(len(_IRIS)))])),
        lips=_colour(lips),
        clothes=_colour(np.array(_CLOTHES[int(rng.integers(len(_CLOTHES)))])),
        face_width=length(1.12, 0.05),
        face_height=length(1.66, 0.06),
        jaw=length(0.80, 0.07),
        eye_width=length(0.235, 0.014),
        eye_height=length(0.085, 0.010),
        eye_tilt=length(0, 0.020),
        brow_height=length(-0.30, 0.025),
        brow_thickness=0.062 + abs(length(0, 0.020)),
        brow_width=length(0.30, 0.020),
        nose_length=length(0.62, 0.045),
        nose_width=length(0.19, 0.025),
        mouth_height=length(1.04, 0.040),
        mouth_width=length(0.37, 0.035),
        lip=length(0.075, 0.015),
        hair_style=int(rng.integers(4)),
        volume=0.12 + abs(length(0, 0.06)),
        beard=bool(rng.random() < population.beard),
        glasses=bool(rng.random() < population.glasses),
        accent=draw_accent(rng, population),
        warmth=vary(0, population.warmth),
        heat=draw_warmth(own, population),
        rest=draw_rest(own, population) if population.rest else None,
    )


def draw_character(number: int, seed: int = 0) -> Person:
    """Return character `number` (from 1): a person with cartoon proportions, large eyes and a small nose."""
    base = draw_person(number, seed + CHARACTER_SEEDS)
    return replace(
        base,
        number=number,
        eye_width=1.35 * base.eye_width,
        eye_height=2.3 * base.eye_height,
        eye_tilt=0.0,
        brow_height=base.brow_height - 0.10,
        brow_thickness=1.15 * base.brow_thickness,
        nose_length=0.9 * base.nose_length,
        nose_width=0.55 * base.nose_width,
        mouth_width=1.1 * base.mouth_width,
        jaw=0.9 * base.jaw,
        beard=False,
        glasses=False,
        # A cartoon shows expressions at full strength, without an accent.
        accent=Actions(**dict.fromkeys(ACTION_NAMES, 1.0)),
    )


def _colour(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Colour:
    red, green, blue = np.clip(values, 8, 247).tolist()
    return red, green, blue
