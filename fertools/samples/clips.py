"""The clips of a drawn dataset: what its options say that a person shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fertools.core.vocabulary import EMOTIONS
from fertools.samples.cast import cast_member
from fertools.samples.expression import choose_manner
from fertools.samples.identity import draw_person
from fertools.samples.moments import Clip, Moment, draw_clip, draw_occasions, share_shown
from fertools.samples.population import POSED, VARIED
from fertools.samples.sample_options import SampleOptions
from fertools.samples.scene import LOOKS, draw_scene

_SEQUENCE_BEGINS = 0.8
"""Intensity in the first frame of a sequence, as a share of its peak."""


def draw_clip_of(options: SampleOptions, person: int, emotion: str, look: str) -> Clip:
    """Return the clip of a person in a drawn dataset with these options; see `draw_clip`."""
    if options.kind == "pairs":
        return draw_occasions(person, emotion, look, options.frames, options.seed)
    if options.kind in ("laboratory", "wild"):
        population = POSED if options.kind == "laboratory" else VARIED
        return draw_occasions(person, emotion, look, options.frames, options.seed, population)
    if options.kind == "characters":
        return draw_sequence(person, emotion, look, options.frames, options.seed)
    return draw_clip(person, emotion, look, options.frames, options.seed, options.least_shown)


def draw_sequence(number: int, emotion: str, look: str, frames: int, seed: int = 0) -> Clip:
    """Return the last frames of a clip of person `number` of `VARIED` people, with the first character of the cast.

    The expression is near its peak in all frames, and the head moves.

    Args:
        number: from 1.
        emotion: one of the seven.
        look: `lab` or `wild`.
        frames: how many moments.
        seed: of the population.
    """
    key = (4, number, EMOTIONS.index(emotion), list(LOOKS).index(look))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    person, peak = draw_person(number, seed, VARIED), float(rng.uniform(*VARIED.peaks))
    manner = choose_manner(emotion, peak, person.accent, rng, VARIED, person.rest)
    first = Moment(person, cast_member(1), manner, peak, draw_scene(look, rng), 1.0, 0, VARIED)
    times = np.linspace(0, 1, frames).tolist() if frames > 1 else [1.0]
    return Clip(
        tuple(
            replace(first, intensity=peak * share_shown(time, _SEQUENCE_BEGINS), time=time, frame=frame)
            for frame, time in enumerate(times)
        )
    )
