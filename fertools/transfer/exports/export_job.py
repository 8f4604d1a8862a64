"""What each writer of a format gets: the faces, the folder, and how to copy a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fertools.transfer.exports.chosen_faces import WHOLE, ChosenFaces
from fertools.transfer.exports.export_folder import ExportFolder

LABELS = (
    "face_id",
    "source_id",
    "dataset",
    "modality",
    "licence",
    "frame_index",
    "pts_s",
    "subject_id",
    "pair_id",
    "emotion",
    "valence",
    "arousal",
    "intensity",
    "fold",
    "split",
    "weight",
    "parent_id",
    "generator_run",
    "target_emotion",
)
"""Columns of the manifest that go with each picture. Geometry in source pixels means nothing for a crop."""
ATTRIBUTES = ("subject_id", "dataset", "valence", "arousal", "intensity")
"""Columns that annotations of COCO and FiftyOne carry."""


@dataclass(frozen=True)
class ExportJob:
    """The work of one writer.

    Attributes:
        faces: the faces to write.
        folder: the folder to write to.
        root: folder of the workspace, which the paths of crops are relative to.
        shard_faces: number of faces per file, for formats that have several faces in a file.
        advance: reports the number of faces that one more step has written.
    """

    faces: ChosenFaces
    folder: ExportFolder
    root: Path
    shard_faces: int
    advance: Callable[[int], None]

    def copy(self, row: dict[str, Any], *names: str) -> str:
        """Copy the crop of a face into folders of the export, and return its path below the export.

        Args:
            row: the face.
            *names: names of the folders.
        """
        place = (*names, picture_name(row))
        self.folder.copy(self.picture(row), *place)
        self.advance(1)
        return "/".join(place)

    def picture(self, row: dict[str, Any]) -> Path:
        """Return the path of the crop of a face. The manifest's reader has checked that it is inside the workspace."""
        return self.root / str(row["path"])


def picture_name(row: dict[str, Any]) -> str:
    """Return the name of the file of a face: its identifier, and the suffix of its crop."""
    return f"{row['face_id']}{PurePosixPath(row['path']).suffix}"


def part_folders(part: str) -> tuple[str, ...]:
    """Return the folders of a part: none if the dataset is not split."""
    return () if part == WHOLE else (part,)


def known_values(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of a face that are not null, by column."""
    return {name: row[name] for name in names if row[name] is not None}
