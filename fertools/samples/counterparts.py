"""The same drawn moment with another expression: the true image that a translation of it can be compared with.

Person, scene, pose, light and the camera's noise stay. The face does what the person's own clip of the other expression
shows at the same frame.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from fertools.core.errors import InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.samples.moments import Moment, draw_clip_of
from fertools.samples.sample_options import SampleOptions
from fertools.samples.scene import LOOKS

MARKS = ("sample.json", "truth.csv")
"""Files at the root of a drawn dataset."""
_PLACE = r"(?P<look>\w+)/p(?P<person>\d+)/(?P<emotion>\w+)"
_VIDEO = re.compile(rf"videos/{_PLACE}/clip\.mp4")
_STILL = re.compile(rf"stills/\w+/{_PLACE}/(?P<frame>\d+)\.png")


@dataclass(frozen=True)
class DrawnDataset:
    """A folder that `fertools sample` has drawn.

    Attributes:
        root: the folder.
        options: what it was drawn with.
    """

    root: Path
    options: SampleOptions

    def moment(self, path: Path, frame: int, emotion: str | None = None) -> Moment | None:
        """Return what a frame shows, or what it would show if the person showed another expression.

        Args:
            path: of a video or a still of this dataset.
            frame: number of the frame; not looked at for a still, whose name has it.
            emotion: the expression; None for the one that the frame shows.

        Returns:
            None if no drawn frame is there.
        """
        name = path.relative_to(self.root).as_posix()
        found = _VIDEO.fullmatch(name) or _STILL.fullmatch(name)
        if found is None:
            return None
        person, look, shown = int(found["person"]), found["look"], found["emotion"]
        number = int(found.groupdict().get("frame", frame))
        options = self.options
        known = 1 <= person <= options.people and 0 <= number < options.frames and look in LOOKS
        if not known or shown not in EMOTIONS:
            return None
        moment = draw_clip_of(options, person, shown, look).moments[number]
        if emotion is None or emotion == shown:
            return moment
        other = draw_clip_of(options, person, emotion, look).moments[number]
        return replace(moment, manner=other.manner, intensity=other.intensity)


def find_drawn(path: Path) -> Path | None:
    """Return the root of the drawn dataset that contains a file or folder, or None."""
    return next((above for above in (path, *path.parents) if all((above / mark).is_file() for mark in MARKS)), None)


def open_drawn(root: Path) -> DrawnDataset:
    """Return a drawn dataset.

    Args:
        root: its folder, as `find_drawn` gives it.

    Raises:
        InputError: its options cannot be read.
    """
    path = root / "sample.json"
    try:
        return DrawnDataset(root, SampleOptions(**json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} does not contain the options of a drawn dataset; draw the dataset again") from error
