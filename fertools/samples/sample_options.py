"""Options of a drawn dataset. The command line reads their defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError

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

    Raises:
        InputError: a value is out of range.
    """

    people: int = 10
    frames: int = 12
    stills: int = 2
    size_px: int = 256
    seed: int = 0
    least_shown: float = LEAST_SHOWN

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

    def still_frames(self) -> list[int]:
        """Return the numbers of the frames that are also stills, at even distances up to the last."""
        count = min(self.stills, self.frames)
        return [round((number + 1) * self.frames / count) - 1 for number in range(count)]
