"""The files of a drawn dataset: what each of them shows, and the moment of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fertools.core.vocabulary import EMOTIONS
from fertools.samples.cast import cast_member, perform
from fertools.samples.clips import draw_clip_of
from fertools.samples.moments import Moment
from fertools.samples.sample_options import SampleOptions
from fertools.samples.scene import LOOKS

_PERSON = re.compile(
    r"(?:videos|stills/(?P<modality>\w+))/(?P<look>\w+)/p(?P<person>\d+)/(?P<emotion>\w+)/(?:clip\.mp4|(?P<frame>\d+)\.png)"
)
_PLAYED = re.compile(
    r"stills/played/c(?P<character>\d+)/(?P<emotion>\w+)/(?P<look>\w+)-p(?P<person>\d+)-(?P<frame>\d+)\.png"
)
_OWN = re.compile(r"stills/animated/c(?P<character>\d+)/(?P<emotion>\w+)/(?P<frame>\d+)\.png")


@dataclass(frozen=True)
class Still:
    """One picture file.

    Attributes:
        path: path in the folder of the dataset.
        modality: modality of the picture.
        moment: what it shows.
        name: name of the moment, the same for all pictures of it; empty for a character that plays nobody.
    """

    path: str
    modality: str
    moment: Moment
    name: str


@dataclass(frozen=True)
class ClipTake:
    """A person who shows an expression, in a video or in stills."""

    person: int
    emotion: str
    look: str

    def moments(self, options: SampleOptions) -> tuple[Moment, ...]:
        """Return the moments of the video, or of the stills if there is no video."""
        return draw_clip_of(options, self.person, self.emotion, self.look).moments

    def video(self, options: SampleOptions) -> str | None:
        """Return the path of the video, None if there is none."""
        return f"videos/{self._place}/clip.mp4" if options.has_videos else None

    def stills(self, options: SampleOptions) -> Iterator[Still]:
        """Yield the stills, moment by moment."""
        moments = self.moments(options)
        for frame in options.still_frames():
            moment, name = moments[frame], self.name(frame)
            for modality in options.modalities(self.person):
                yield Still(f"stills/{modality}/{self._place}/{frame:04d}.png", modality, moment, name)
            for number in range(1, options.cast_size + 1):
                member = cast_member(number)
                place = f"stills/played/{member.subject_id}/{self.emotion}"
                file = f"{self.look}-{moment.person.subject_id}-{frame:04d}.png"
                yield Still(f"{place}/{file}", "animated", replace(moment, character=member), name)

    def name(self, frame: int) -> str:
        """Return the name of the moment of a frame."""
        return f"{self._place}/{frame:04d}"

    @property
    def _place(self) -> str:
        return f"{self.look}/p{self.person:02d}/{self.emotion}"


@dataclass(frozen=True)
class CastTake:
    """A character of the cast that shows an expression and plays nobody."""

    character: int
    emotion: str

    def moments(self, options: SampleOptions) -> tuple[Moment, ...]:
        """Return the performances."""
        return tuple(
            perform(self.character, self.emotion, number, options.seed) for number in range(options.performances)
        )

    def video(self, _options: SampleOptions) -> str | None:
        """Return None: there is no video."""
        return None

    def stills(self, options: SampleOptions) -> Iterator[Still]:
        """Yield a still of each performance."""
        for moment in self.moments(options):
            place = f"stills/animated/{moment.character.subject_id}/{self.emotion}"
            yield Still(f"{place}/{moment.frame:04d}.png", "animated", moment, self.name(moment.frame))

    def name(self, _frame: int) -> str:
        """Return an empty name: no other picture shows the moment."""
        return ""


Take = ClipTake | CastTake


def all_takes(options: SampleOptions) -> Iterator[Take]:
    """Yield the takes of a dataset."""
    for person in options.numbers:
        for look in options.looks:
            for emotion in options.emotions:
                yield ClipTake(person, emotion, look)
    for character in range(1, options.cast_size + 1):
        for emotion in EMOTIONS:
            yield CastTake(character, emotion)


def moment_of(options: SampleOptions, path: str, frame: int, emotion: str | None = None) -> Moment | None:
    """Return the moment that a file of a dataset shows, or the same moment with another expression.

    Args:
        options: options of the dataset.
        path: path of a video or a still in the folder of the dataset.
        frame: number of the frame; ignored for a still, whose name contains it.
        emotion: the expression; None for the one in the frame.

    Returns:
        The moment, or None if no drawn frame is there.
    """
    named = next((match for rule in (_OWN, _PLAYED, _PERSON) if (match := rule.fullmatch(path))), None)
    if named is None:
        return None
    found = named.groupdict()
    number = frame if found["frame"] is None else int(found["frame"])
    person, shown = int(found.get("person") or 0), found["emotion"]
    character = int(found["character"]) if "character" in found else None
    is_known = shown in EMOTIONS and (character is None or 1 <= character <= options.cast_size)
    takes: list[Take] = []
    for expression in (shown, emotion or shown):
        if character is not None and named.re is _OWN:
            is_known = is_known and 0 <= number < options.performances
            takes.append(CastTake(character, expression))
        else:
            is_known = is_known and person in options.numbers and found["look"] in LOOKS and number < options.frames
            takes.append(ClipTake(person, expression, found["look"]))
    if not is_known or number < 0:
        return None
    moment, other = (take.moments(options)[number] for take in takes)
    moment = replace(moment, manner=other.manner, intensity=other.intensity)
    return replace(moment, character=cast_member(character)) if character is not None else moment


def is_frame_of(options: SampleOptions, path: str) -> bool:
    """Return whether a still is a frame of a clip. Otherwise its number counts occasions or performances.

    Args:
        options: options of the dataset.
        path: path of the still in the folder of the dataset.
    """
    return options.has_videos and _OWN.fullmatch(path) is None
