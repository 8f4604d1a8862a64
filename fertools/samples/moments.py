"""A moment of a clip, and its pictures: in visible light, as thermal image, and as drawn character."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.vocabulary import EMOTIONS
from fertools.samples.anatomy import build_face
from fertools.samples.camera import Camera, Pose
from fertools.samples.canvas import Canvas
from fertools.samples.character import paint_character
from fertools.samples.expression import Actions, Manner, actions_at, choose_manner, felt_at
from fertools.samples.identity import Person, draw_character, draw_person
from fertools.samples.population import STANDARD, VARIED, Population
from fertools.samples.portrait import paint_portrait
from fertools.samples.sample_options import LEAST_SHOWN
from fertools.samples.scene import LOOKS, Image, Scene, draw_scene
from fertools.samples.thermal import AIR, SKIN, paint_thermal


@dataclass(frozen=True)
class Moment:
    """The state of a scene at one frame, which pictures show.

    Attributes:
        person: the person.
        character: the drawn character with the same expression.
        manner: how the expression is shown.
        intensity: intensity of the expression, from 0 to 1.
        scene: the scene.
        time: position in the clip, from 0 to 1.
        frame: number of the frame.
        population: how strongly people and pictures differ.
    """

    person: Person
    character: Person
    manner: Manner
    intensity: float
    scene: Scene
    time: float
    frame: int
    population: Population = STANDARD

    @property
    def felt(self) -> tuple[float, float]:
        """Valence and arousal, each in [-1, 1]."""
        return felt_at(self.manner, self.intensity)

    @property
    def actions(self) -> Actions:
        """The facial actions; the character has the same actions with its own proportions."""
        return actions_at(self.manner, self.intensity)

    def pose(self, modality: str) -> Pose:
        """Return the pose of the head in a modality; the thermal camera is slightly to the side."""
        pose = self.scene.pose_at(self.time)
        if modality == "thermal":
            return replace(pose, yaw_deg=pose.yaw_deg + 4, x=pose.x + 0.012, scale=0.97 * pose.scale)
        if modality == "animated":
            return Pose(0.6 * pose.yaw_deg, 0.6 * pose.pitch_deg, 0.6 * pose.roll_deg, 0.20, 0.5, 0.44)
        return pose

    def landmarks(self, modality: str, size_px: int) -> NDArray[np.float64]:
        """Return the true five points (5, 2) of one of the pictures, x and y in pixels."""
        shown = self.character if modality == "animated" else self.person
        return Camera(self.pose(modality), size_px)(build_face(shown, self.actions).five_points)

    def picture(self, modality: str, size_px: int) -> Image:
        """Return a picture in a modality, (size_px, size_px, 3) RGB."""
        return _PAINTERS[modality](self, size_px)

    def visible(self, size_px: int) -> Image:
        """Return the person in visible light."""
        image = self.scene.background(size_px)
        camera, face = Camera(self.pose("visible"), size_px), build_face(self.person, self.actions)
        accidents = self.scene.accidents
        if accidents is not None:
            accidents.paint_behind(Canvas(image), size_px)
        paint_portrait(Canvas(image), camera, self.person, face, self.actions, self.scene.light)
        if accidents is not None:
            accidents.paint_front(Canvas(image), camera, self.person)
        return self.scene.expose(image, self.frame)

    def thermal(self, size_px: int) -> Image:
        """Return the thermal image of the person, three equal channels."""
        image = np.full((size_px, size_px, 3), AIR, np.float32)
        camera, face = Camera(self.pose("thermal"), size_px), build_face(self.person, self.actions)
        paint_thermal(Canvas(image), camera, self.person, face, self.actions)
        kind = self.population
        grey = cv2.GaussianBlur(image[..., 0], (0, 0), kind.thermal_softness_px * size_px / 256)
        if kind.thermal_drift or kind.thermal_contrast:
            rng = np.random.default_rng((self.scene.seed, self.frame, 2))
            gain, offset = rng.normal(1, kind.thermal_contrast), rng.normal(0, kind.thermal_drift)
            grey = SKIN + gain * (grey - SKIN) + offset
        rng = np.random.default_rng((self.scene.seed, self.frame, 1))
        levels = np.clip(np.round(grey + rng.normal(0, kind.thermal_noise, grey.shape)), 0, 255).astype(np.uint8)
        return np.repeat(levels[..., None], 3, axis=2)

    def animated(self, size_px: int) -> Image:
        """Return the character with the expression of the person."""
        image = np.full((size_px, size_px, 3), (188, 204, 214), np.float32)
        face = build_face(self.character, self.actions)
        paint_character(Canvas(image), Camera(self.pose("animated"), size_px), self.character, face)
        return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)


_PAINTERS: Mapping[str, Callable[[Moment, int], Image]] = {
    "visible": Moment.visible,
    "thermal": Moment.thermal,
    "animated": Moment.animated,
}


@dataclass(frozen=True)
class Clip:
    """One person showing one expression, once or several times.

    Attributes:
        moments: frame by frame.
    """

    moments: tuple[Moment, ...]


def draw_clip(
    number: int, emotion: str, look: str, frames: int, seed: int = 0, least_shown: float = LEAST_SHOWN
) -> Clip:
    """Return person `number` showing `emotion` in a scene of `look`; it does not depend on what else is drawn.

    Args:
        number: from 1.
        emotion: one of the seven.
        look: `lab` or `wild`.
        frames: how many moments.
        seed: of the population.
        least_shown: share of its peak that the expression has in the first frame, from 0 to 1.
    """
    key = (1, number, EMOTIONS.index(emotion), list(LOOKS).index(look))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    person, character = draw_person(number, seed), draw_character(1, seed)
    manner = choose_manner(emotion, float(rng.uniform(*STANDARD.peaks)), person.accent, rng)
    scene = draw_scene(look, rng)
    times = np.linspace(0, 1, frames) if frames > 1 else np.ones(1)
    return Clip(
        tuple(
            Moment(
                person,
                character,
                manner,
                manner.peak * share_shown(float(time), least_shown),
                scene,
                float(time),
                frame,
            )
            for frame, time in enumerate(times)
        )
    )


def draw_occasions(
    number: int, emotion: str, look: str, count: int, seed: int = 0, population: Population = VARIED
) -> Clip:
    """Return a person showing `emotion` on several occasions, each in a scene of its own.

    Args:
        number: from 1.
        emotion: one of the seven.
        look: `lab` or `wild`.
        count: how many occasions.
        seed: of the population.
        population: how strongly people and occasions differ.
    """
    person, character = draw_person(number, seed, population), draw_character(1, seed)
    moments = []
    for frame in range(count):
        key = (3, number, EMOTIONS.index(emotion), list(LOOKS).index(look), frame)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        peak = float(rng.uniform(*population.peaks))
        manner = choose_manner(emotion, peak, person.accent, rng, population, person.rest)
        moments.append(Moment(person, character, manner, peak, draw_scene(look, rng), 0.0, frame, population))
    return Clip(tuple(moments))


def share_shown(time: float, least: float) -> float:
    """Return the share of the peak that is shown: it rises without a jerk and stays."""
    rise = min(1.0, 2 * time)
    return least + (1 - least) * rise * rise * (3 - 2 * rise)
