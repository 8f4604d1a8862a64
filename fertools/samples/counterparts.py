"""Counterparts: the same drawn moment with another expression, as the ground truth of a translation.

Person, scene, pose, light and camera noise stay the same. The face shows the other expression as in the person's own
clip of it at the same frame.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fertools.core.errors import InputError
from fertools.samples.moments import Moment
from fertools.samples.sample_options import SampleOptions
from fertools.samples.takes import is_frame_of, moment_of

MARKS = ("sample.json", "truth.csv")
"""Files that mark the root of a drawn dataset."""


@dataclass(frozen=True)
class DrawnDataset:
    """A folder that `fertools sample` has drawn.

    Attributes:
        root: path of the folder.
        options: options of the dataset.
    """

    root: Path
    options: SampleOptions

    def moment(self, path: Path, frame: int, emotion: str | None = None) -> Moment | None:
        """Return the moment of a frame, or the same moment with another expression.

        Args:
            path: path of a video or a still of this dataset.
            frame: number of the frame; ignored for a still, whose name contains it.
            emotion: the expression; None for the one in the frame.

        Returns:
            The moment, or None if no drawn frame is there.
        """
        return moment_of(self.options, path.relative_to(self.root).as_posix(), frame, emotion)

    def is_frame(self, picture: Path) -> bool:
        """Return whether a still is a frame of a clip, and not an occasion of its own."""
        return is_frame_of(self.options, picture.relative_to(self.root).as_posix())


def find_drawn(path: Path) -> Path | None:
    """Return the root of the drawn dataset that contains a file or folder, or None."""
    return next((above for above in (path, *path.parents) if all((above / mark).is_file() for mark in MARKS)), None)


def open_drawn(root: Path) -> DrawnDataset:
    """Return a drawn dataset.

    Args:
        root: folder from `find_drawn`.

    Raises:
        InputError: its options cannot be read.
    """
    path = root / "sample.json"
    try:
        return DrawnDataset(root, SampleOptions(**json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} does not contain the options of a drawn dataset; draw the dataset again") from error
