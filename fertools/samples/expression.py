"""Expressions as facial actions, after the Facial Action Coding System.

Each action is a number from 0 (at rest) to about 1 (maximum). A prototype defines an expression. Each person shows it
with individual differences, a small share of another expression, and some variation each time. So expressions can be
distinguished, but not perfectly.

Source: Ekman and Friesen, Facial Action Coding System, 1978, and Ekman, Friesen and Hager, FACS Investigator's Guide,
2002, table 10-1, for the actions of each expression. Their strengths here are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from fertools.core import package_data
from fertools.core.vocabulary import EMOTIONS
from fertools.samples.population import STANDARD, Population


@dataclass(frozen=True)
class Actions:
    """Strength of each facial action, from 0 at rest.

    Attributes:
        inner_brow: inner brows raised (action unit 1).
        outer_brow: outer brows raised (2).
        brow_lower: brows lowered and drawn together (4).
        lid_raise: upper lids raised (5).
        cheek: cheeks raised (6).
        lid_tighten: lids tightened (7).
        nose_wrinkle: nose wrinkled (9).
        upper_lip: upper lip raised (10).
        corner_pull: lip corners pulled up (12).
        corner_depress: lip corners drawn down (15).
        stretch: lips stretched (20).
        press: lips pressed (24).
        jaw: jaw dropped (26).
    """

    inner_brow: float = 0.0
    outer_brow: float = 0.0
    brow_lower: float = 0.0
    lid_raise: float = 0.0
    cheek: float = 0.0
    lid_tighten: float = 0.0
    nose_wrinkle: float = 0.0
    upper_lip: float = 0.0
    corner_pull: float = 0.0
    corner_depress: float = 0.0
    stretch: float = 0.0
    press: float = 0.0
    jaw: float = 0.0


PROTOTYPES: Mapping[str, Actions] = {
    "anger": Actions(brow_lower=1.0, lid_raise=0.3, lid_tighten=0.6, press=0.9, corner_depress=0.35),
    "disgust": Actions(brow_lower=0.5, cheek=0.4, lid_tighten=0.6, nose_wrinkle=1.0, upper_lip=0.9, corner_depress=0.5),
    "fear": Actions(inner_brow=0.9, outer_brow=0.5, brow_lower=0.3, lid_raise=0.9, stretch=0.9, jaw=0.35),
    "happiness": Actions(cheek=0.8, lid_tighten=0.3, upper_lip=0.35, corner_pull=1.0, jaw=0.2),
    "neutral": Actions(),
    "sadness": Actions(inner_brow=0.9, brow_lower=0.25, lid_tighten=0.25, corner_depress=1.0),
    "surprise": Actions(inner_brow=1.0, outer_brow=1.0, lid_raise=1.0, jaw=1.0),
}

ACTION_NAMES = tuple(field.name for field in fields(Actions))
_FURTHEST_ACCENT = 2.5
"""Largest accent in standard deviations."""
_FELT = 0.04
"""Standard deviation of a person's valence and arousal around the expression's point."""


@dataclass(frozen=True)
class Manner:
    """How one person shows one expression on one occasion.

    Attributes:
        emotion: the expression.
        peak: maximum intensity, from 0 to 1.
        apex: actions at intensity 1, including accent and blend; intensity scales them.
        offset: additional actions at every intensity.
        point: valence and arousal at intensity 1.
    """

    emotion: str
    peak: float
    apex: Actions
    offset: Actions
    point: tuple[float, float]


def choose_manner(
    emotion: str,
    peak: float,
    accent: Actions,
    rng: np.random.Generator,
    population: Population = STANDARD,
    rest: Actions | None = None,
) -> Manner:
    """Return how a person with `accent` shows `emotion` this time.

    Args:
        emotion: one of the seven expressions.
        peak: maximum intensity, from 0 to 1.
        accent: the person's factor on each action, see `draw_accent`.
        rng: random generator of blend, tremor, valence and arousal.
        population: how strongly occasions differ.
        rest: actions of the person's face at rest, beside the tremor; None for none.
    """
    other = EMOTIONS[int(rng.integers(len(EMOTIONS)))]
    share = float(rng.uniform(0, population.blend))
    prototype, mixed, factor = (_values(actions) for actions in (PROTOTYPES[emotion], PROTOTYPES[other], accent))
    apex = ((1 - share) * prototype + share * mixed) * factor
    offset = np.abs(rng.normal(0, population.tremor, len(ACTION_NAMES)))
    if rest is not None:
        offset = offset + _values(rest)
    valence, arousal = _point(emotion) + rng.normal(0, _FELT, 2)
    return Manner(emotion, peak, _actions(apex), _actions(offset), (float(valence), float(arousal)))


def draw_accent(rng: np.random.Generator, population: Population = STANDARD) -> Actions:
    """Return a person's factor on each action, around 1."""
    furthest = _FURTHEST_ACCENT * population.accent
    return _actions(np.clip(rng.normal(1, population.accent, len(ACTION_NAMES)), 1 - furthest, 1 + furthest))


def draw_rest(rng: np.random.Generator, population: Population) -> Actions:
    """Return what a person's face does at rest."""
    return _actions(np.abs(rng.normal(0, population.rest, len(ACTION_NAMES))))


def actions_at(manner: Manner, intensity: float) -> Actions:
    """Return the actions of the face at an intensity from 0 to 1."""
    return _actions(np.clip(intensity * _values(manner.apex) + _values(manner.offset), 0, 1.2))


def felt_at(manner: Manner, intensity: float) -> tuple[float, float]:
    """Return valence and arousal at an intensity from 0 to 1, each in [-1, 1]."""
    valence, arousal = np.clip(np.asarray(manner.point) * intensity, -1, 1)
    return float(valence), float(arousal)


def _point(emotion: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    entry = package_data.load("annotations", "circumplex")["points"][emotion]
    return np.array([entry["valence"], entry["arousal"]], dtype=np.float64)


def _values(actions: Actions) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([getattr(actions, name) for name in ACTION_NAMES], dtype=np.float64)


def _actions(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Actions:
    return Actions(**dict(zip(ACTION_NAMES, values.tolist(), strict=True)))
