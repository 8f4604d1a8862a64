"""How strongly drawn people differ, from each other and from one occasion to the next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Population:
    """The spreads that people and their pictures are drawn with.

    Attributes:
        proportions: factor on the standard deviation of each proportion of the face.
        accent: standard deviation of a person's factor on each action of the face.
        rest: standard deviation of what a face does at rest; its absolute value counts.
        tremor: standard deviation of each action from one occasion to the next.
        blend: largest share of another expression that is mixed in.
        peaks: range of an expression's intensity.
        warmth: standard deviation of a person's skin temperature, in grey levels of a thermal image.
        regions: standard deviation of the temperature of each region of the face around the person's, in grey levels.
        vessels: largest number of warm vessels under the skin of a face.
        vessel_level: largest grey level by which a vessel is warmer than the skin.
        beard: share of people with a beard.
        glasses: share of people with glasses.
        thermal_noise: standard deviation of the thermal sensor's noise in grey levels.
        thermal_softness_px: blur of the thermal lens, for a picture of 256 pixels.
        thermal_drift: standard deviation of the thermal camera's offset from one occasion to the next, in grey levels.
        thermal_contrast: standard deviation of the thermal camera's gain from one occasion to the next, around 1.
    """

    proportions: float = 1.0
    accent: float = 0.16
    rest: float = 0.0
    tremor: float = 0.05
    blend: float = 0.3
    peaks: tuple[float, float] = (0.65, 1.0)
    warmth: float = 6.0
    regions: float = 0.0
    vessels: int = 0
    vessel_level: float = 0.0
    beard: float = 0.2
    glasses: float = 0.15
    thermal_noise: float = 1.5
    thermal_softness_px: float = 1.1
    thermal_drift: float = 0.0
    thermal_contrast: float = 0.0


STANDARD = Population()
"""People of `fertools sample --kind clips`."""
VARIED = Population(
    proportions=1.6,
    accent=0.32,
    rest=0.16,
    tremor=0.10,
    blend=0.4,
    peaks=(0.35, 0.9),
    warmth=14.0,
    regions=14.0,
    vessels=7,
    vessel_level=26.0,
    beard=0.3,
    glasses=0.35,
    thermal_noise=5.0,
    thermal_softness_px=2.6,
    thermal_drift=8.0,
    thermal_contrast=0.12,
)
"""People of `fertools sample --kind pairs` and `--kind characters`. `docs/how-to/paired-data.md` says how these numbers
were chosen."""
CAST = Population(accent=0.0, tremor=0.03, blend=0.0, peaks=(0.75, 1.0))
"""How the characters of `fertools.samples.cast` play."""
POSED = Population(
    proportions=1.6,
    accent=0.16,
    rest=0.04,
    tremor=0.04,
    blend=0.1,
    peaks=(0.85, 1.0),
    beard=0.3,
    glasses=0.1,
)
"""People of `fertools sample --kind laboratory`. They differ as much as `VARIED` ones, and pose at full strength."""
