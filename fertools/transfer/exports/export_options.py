"""Options of an export. The command line reads the defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from fertools.core.arguments import argument
from fertools.core.errors import InputError

ExportFormat = Literal["imagefolder", "webdataset", "huggingface", "coco", "fiftyone", "openface", "croissant"]
"""Layouts that an export writes."""


@dataclass(frozen=True)
class DatasetExportOptions:
    """Options of an export. An empty tuple is no condition.

    Attributes:
        format: layout to write: `imagefolder`, `webdataset`, `huggingface`, `coco`, `fiftyone`, `openface`, or
            `croissant`, which is a folder of pictures. Every layout has a Croissant description.
        emotion: export only faces with one of these labels.
        dataset: export only faces of these datasets.
        part: export only these parts of the split: `train`, `val`, `test`, or `fold_0` and so on.
        test_folds: folds that become the part `test`; the other folds become `train`. Empty for a part per fold.
        shard_faces: number of faces per file of `webdataset` and `huggingface`.
        allow_restricted: export the pictures of datasets whose terms forbid passing them on.
        title: name of the dataset in its description; None for the names of the datasets in it.
        creator: people or groups who made the dataset, for its description.
        url: address of the dataset, for its description.
        published: day of the publication as YYYY-MM-DD, for its description.

    Raises:
        InputError: a value is out of range.
    """

    format: ExportFormat = "imagefolder"
    emotion: tuple[str, ...] = ()
    dataset: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    test_folds: tuple[int, ...] = ()
    shard_faces: int = 5000
    allow_restricted: bool = False
    title: str | None = None
    creator: tuple[str, ...] = ()
    url: str | None = None
    published: str | None = None

    def __post_init__(self) -> None:
        if self.format not in get_args(ExportFormat):
            raise InputError(
                f"{argument('format')} '{self.format}' is unknown; choose one of {', '.join(get_args(ExportFormat))}"
            )
        if self.shard_faces < 1:
            raise InputError(f"{argument('shard_faces')} is {self.shard_faces}; give 1 or more")
        if self.published is not None and not _is_day(self.published):
            raise InputError(f"{argument('published')} is '{self.published}'; give a day, such as 2026-12-01")
        for name in ("emotion", "dataset", "part", "creator"):
            if isinstance(getattr(self, name), str):
                raise InputError(f"{argument(name)} is a text; give a tuple, such as ('{getattr(self, name)}',)")

    @property
    def has_pictures(self) -> bool:
        """Whether the format holds pictures."""
        return self.format != "openface"

    @property
    def needs_emotion(self) -> bool:
        """Whether each face of the format has a class."""
        return self.format in ("imagefolder", "coco", "fiftyone")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
