"""Where the skin of a drawn person is warmer or cooler than the mean person's: regions and vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fertools.samples.population import Population


@dataclass(frozen=True)
class Vessel:
    """A warm line under the skin.

    Attributes:
        points: corners of the line as (x, y), in eye distances from the point between the eyes.
        width: of the line, in eye distances.
        level: grey levels by which it is warmer than the skin.
    """

    points: tuple[tuple[float, float], ...]
    width: float
    level: float


@dataclass(frozen=True)
class Warmth:
    """Differences to the mean person's skin in grey levels; positive is warmer.

    Attributes:
        forehead: of the forehead.
        eyes: of the inner corners of the eyes.
        cheeks: of the cheeks, smaller x first.
        nose: of the nose.
        mouth: of the lips.
        chin: of the chin.
        vessels: warm lines.
    """

    forehead: float = 0.0
    eyes: float = 0.0
    cheeks: tuple[float, float] = (0.0, 0.0)
    nose: float = 0.0
    mouth: float = 0.0
    chin: float = 0.0
    vessels: tuple[Vessel, ...] = ()


EVEN = Warmth()
"""The mean person's."""


def draw_warmth(rng: np.random.Generator, population: Population) -> Warmth:
    """Return how the warmth of a person differs over the face."""
    forehead, eyes, left, right, nose, mouth, chin = rng.normal(0, population.regions, 7).tolist()
    count = int(rng.integers(population.vessels + 1)) if population.vessels else 0
    vessels = tuple(_draw_vessel(rng, population.vessel_level) for _ in range(count))
    return Warmth(forehead, eyes, (left, right), nose, mouth, chin, vessels)


def _draw_vessel(rng: np.random.Generator, level: float) -> Vessel:
    """Return a vessel that runs from somewhere on the face in a direction that bends."""
    x, y = rng.uniform(-0.85, 0.85), rng.uniform(-0.85, 1.3)
    angle, points = rng.uniform(0, 2 * np.pi), []
    for _ in range(int(rng.integers(4, 8))):
        points.append((float(x), float(y)))
        angle += rng.normal(0, 0.5)
        x, y = x + 0.14 * np.cos(angle), y + 0.14 * np.sin(angle)
    return Vessel(tuple(points), float(rng.uniform(0.03, 0.08)), float(rng.uniform(0.3, 1.0)) * level)
