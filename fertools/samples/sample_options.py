"""Options of a drawn dataset. The command line reads their defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS

KINDS = ("clips", "pairs")
"""What a dataset can be made of."""
MODALITIES = ("visible", "thermal", "animated")
"""The pictures that can be drawn of a moment, by the manifest's words."""
LEAST_SHOWN = 0.3
"""Default intensity of an expression in the first frame, as a share of its peak, which it reaches in the middle."""


@dataclass(frozen=True)
class SampleOptions:
    """Options of a drawn dataset.

    Attributes:
        people: number of invented people.
        frames: number of frames per video; each person shows each expression once per look.
        stills: number of frames per video that are also drawn as stills in every modality, including the last frame; at
            most `frames`.
        size_px: side of the square pictures in pixels; an even number, because of video encoding.
        seed: random seed; another seed draws other people.
        least_shown: intensity of an expression in the first frame, as a share of its peak, from 0 to 1.
        kind: `clips`, videos and stills of the seven expressions; or `pairs`, only visible and thermal stills of six
            expressions, of people who differ strongly. In `pairs` each frame is an occasion of its own, and a still.
        thermal_people: with `pairs`, how many people have thermal stills, the first ones; None is all.

    Raises:
        InputError: a value is out of range.
    """

    people: int = 10
    frames: int = 12
    stills: int = 2
    size_px: int = 256
    seed: int = 0
    least_shown: float = LEAST_SHOWN
    kind: str = "clips"
    thermal_people: int | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("people", 1, 9999),
            ("frames", 1, 10_000),
            ("size_px", 64, 2048),
            ("seed", 0, 2**31),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"{argument(name)} is {value}; give {least} to {most}")
        if not 0 <= self.least_shown <= 1:
            raise InputError(f"{argument('least_shown')} is {self.least_shown:g}; give 0 to 1")
        if self.size_px % 2:
            raise InputError(f"{argument('size_px')} is {self.size_px}; give an even number, which video needs")
        if self.stills < 0:
            raise InputError(f"{argument('stills')} is {self.stills}; give 0 or more")

        if self.kind not in KINDS:
            raise InputError(f"{argument('kind')} is '{self.kind}'; choose one of {', '.join(KINDS)}")
        if self.kind == "pairs":
            for name in ("stills", "least_shown"):
                if getattr(self, name) != getattr(SampleOptions, name):
                    raise InputError(f"{argument(name)} shapes clips; leave it out with {argument('kind')} pairs")
        if self.thermal_people is not None:
            if self.kind != "pairs":
                raise InputError(
                    f"{argument('thermal_people')} belongs to pairs; give it with {argument('kind')} pairs"
                )
            if not 1 <= self.thermal_people <= self.people:
                raise InputError(
                    f"{argument('thermal_people')} is {self.thermal_people}; give 1 to {self.people}, the people"
                )

    @property
    def looks(self) -> tuple[str, ...]:
        """Looks that are drawn; see `fertools.samples.scene`."""
        return ("lab",) if self.kind == "pairs" else ("lab", "wild")

    @property
    def emotions(self) -> tuple[str, ...]:
        """Expressions that each person shows."""
        return tuple(emotion for emotion in EMOTIONS if emotion != "neutral" or self.kind != "pairs")

    def modalities(self, person: int) -> tuple[str, ...]:
        """Return the modalities of the stills of person `person`, from 1."""
        if self.kind != "pairs":
            return MODALITIES
        has_thermal = self.thermal_people is None or person <= self.thermal_people
        return ("visible", "thermal") if has_thermal else ("visible",)

    def still_frames(self) -> list[int]:
        """Return the numbers of the frames that are also stills, at even distances up to the last."""
        if self.kind == "pairs":
            return list(range(self.frames))
        count = min(self.stills, self.frames)
        return [round((number + 1) * self.frames / count) - 1 for number in range(count)]
