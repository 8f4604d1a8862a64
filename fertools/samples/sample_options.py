"""Options of a drawn dataset. The command line reads their defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS

KINDS = ("clips", "pairs", "characters", "laboratory", "wild")
"""What a dataset can be made of."""
MODALITIES = ("visible", "thermal", "animated")
"""The pictures that can be drawn of a moment, by the manifest's words."""
CAST_SIZE = 6
"""Number of characters; see `fertools.samples.cast`."""
_PERFORMANCES = 30
_ADDED = ("characters", "pictures", "first_person")
"""Options that earlier versions do not have. A dataset without them has the files of those versions."""
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
        kind: what is drawn. `clips` is videos and stills. `pairs` is visible and thermal stills of six expressions, of
            people who differ strongly. `characters` is videos and stills of such people in the last frames of a clip,
            and stills of the cast. `laboratory` is visible stills of posed expressions. `wild` is visible snapshots.
            Except in clips and characters, each frame is an occasion of its own.
        thermal_people: with `pairs`, how many people have thermal stills, the first ones; None is all.
        characters: with `characters`, how many of the six characters are drawn, the first ones; None is all.
        pictures: with `characters`, how many pictures of each character and expression are drawn; None is 30.
        first_person: number of the first person. Datasets of one seed show different people if no number is in two of
            them.

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
    characters: int | None = None
    pictures: int | None = None
    first_person: int = 1

    def __post_init__(self) -> None:
        for name, least, most in (
            ("people", 1, 9999),
            ("frames", 1, 10_000),
            ("size_px", 64, 2048),
            ("seed", 0, 2**31),
            ("first_person", 1, 999_999),
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
        if self.kind != "clips":
            for name in ("stills", "least_shown"):
                if getattr(self, name) != getattr(SampleOptions, name):
                    raise InputError(f"{argument(name)} shapes clips; leave it out with {argument('kind')} {self.kind}")
        for name, kind, most, whose in (
            ("thermal_people", "pairs", self.people, ", the people"),
            ("characters", "characters", CAST_SIZE, ""),
            ("pictures", "characters", 9999, ""),
        ):
            value = getattr(self, name)
            if value is not None and self.kind != kind:
                raise InputError(f"{argument(name)} belongs to {kind}; give it with {argument('kind')} {kind}")
            if value is not None and not 1 <= value <= most:
                raise InputError(f"{argument(name)} is {value}; give 1 to {most}{whose}")

    def record(self) -> dict[str, Any]:
        """Return the options as `sample.json` holds them: later additions only where they are given."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in _ADDED or value != getattr(SampleOptions, name)
        }

    @property
    def numbers(self) -> range:
        """Numbers of the people."""
        return range(self.first_person, self.first_person + self.people)

    @property
    def cast_size(self) -> int:
        """Number of characters of the cast that are drawn."""
        return (self.characters or CAST_SIZE) if self.kind == "characters" else 0

    @property
    def performances(self) -> int:
        """Number of pictures of each character and expression."""
        return self.pictures or _PERFORMANCES

    @property
    def has_videos(self) -> bool:
        """Whether people are drawn in videos, too."""
        return self.kind in ("clips", "characters")

    @property
    def looks(self) -> tuple[str, ...]:
        """Looks that are drawn; see `fertools.samples.scene`."""
        return {"clips": ("lab", "wild"), "wild": ("snapshot",)}.get(self.kind, ("lab",))

    @property
    def emotions(self) -> tuple[str, ...]:
        """Expressions that each person shows."""
        return tuple(emotion for emotion in EMOTIONS if emotion != "neutral" or self.kind != "pairs")

    def modalities(self, person: int) -> tuple[str, ...]:
        """Return the modalities of the stills of person `person`, from 1."""
        if self.kind == "clips":
            return MODALITIES
        if self.kind != "pairs":
            return ("visible",)
        has_thermal = self.thermal_people is None or person < self.first_person + self.thermal_people
        return ("visible", "thermal") if has_thermal else ("visible",)

    def still_frames(self) -> list[int]:
        """Return the numbers of the frames that are also stills, at even distances up to the last."""
        if self.kind != "clips":
            return list(range(self.frames))
        count = min(self.stills, self.frames)
        return [round((number + 1) * self.frames / count) - 1 for number in range(count)]
