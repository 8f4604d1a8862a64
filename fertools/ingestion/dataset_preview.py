"""What an ingest of a dataset would read: counts beside the expected ones, and the first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import html_table
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.dataset_sources import find_dataset
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.shards import shard_folders
from fertools.sources.datasets.counting import CountRow, count_dataset, count_reasons
from fertools.sources.datasets.descriptor import Descriptor
from fertools.sources.datasets.reading import DatasetReading
from fertools.sources.datasets.registry import descriptor_names, load_descriptor

COLUMNS = ("path", "subject", "emotion", "intensity", "valence", "arousal", "sequence", "session", "view", "modality")
"""Columns of the rows of a preview; `split` and `frames` follow."""


@dataclass(frozen=True)
class DatasetPreview:
    """What a folder of a dataset contains; nothing was written.

    Attributes:
        dataset: name of the dataset.
        layout: name of the recognised layout.
        title: who hands the dataset out in this layout.
        counts: counts of the folder beside those of a complete copy.
        left_out: number of files that are not read, by the reason.
        without_label: number of faces without an emotion, by the reason.
        columns: names of the columns of `rows`.
        rows: the first rows; None where the dataset says nothing.
        remarks: what is odd in the files.
        unverified: what the descriptor says without a check.
    """

    dataset: str
    layout: str
    title: str
    counts: tuple[CountRow, ...]
    left_out: dict[str, int]
    without_label: dict[str, int]
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    remarks: tuple[str, ...]
    unverified: tuple[str, ...]

    def _repr_html_(self) -> str:
        counts = [(row.what, row.found, row.expected) for row in self.counts]
        return html_table(f"{self.dataset}: {self.title}", ("", "found", "expected"), counts) + html_table(
            "first rows", self.columns, self.rows
        )


def preview_dataset(
    inputs: Path | str | Sequence[Path | str],
    workspace: WorkspaceLike = ".",
    options: IngestOptions | None = None,
    *,
    rows: int = 10,
) -> DatasetPreview:
    """Return what `ingest` would read from a dataset by its descriptor, without writing anything.

    Args:
        inputs: folders and archives of the dataset.
        workspace: workspace whose own descriptors take precedence.
        options: options of the ingest; `dataset` or `descriptor` names the descriptor.
        rows: number of first rows.

    Raises:
        InputError: no descriptor is named, or a folder is not laid out as it says.
    """
    workspace, options = Workspace(workspace), options or IngestOptions()
    paths = [Path(path) for path in ([inputs] if isinstance(inputs, Path | str) else inputs)]
    dataset = find_dataset(workspace, paths, options, [workspace.crops, *shard_folders(workspace)])
    if dataset is None:
        known = ", ".join(descriptor_names(workspace.root))
        raise InputError(f"{argument('dataset')} names no descriptor, which a dry run needs; known are {known}")
    reading = dataset.joined
    # An archive can have any number of members that are refused; their number is in `left_out`.
    remarks = (*reading.remarks, *dataset.discovery.remarks[:rows])
    return preview_reading(replace(reading, remarks=remarks), rows)


def preview_reading(reading: DatasetReading, rows: int = 10) -> DatasetPreview:
    """Return the preview of a folder that was read.

    Args:
        reading: what the folder contains.
        rows: number of first rows.
    """
    first = [
        (file.name.split("/", 1)[1], *(getattr(labels, name) for name in (*COLUMNS[1:], "split")), str(file.frames))
        for file in reading.files[:rows]
        for labels in file.all_labels
    ]
    return DatasetPreview(
        dataset=reading.descriptor.name,
        layout=reading.layout.name,
        title=reading.layout.title,
        counts=tuple(count_dataset(reading)),
        left_out=dict(reading.left_out),
        without_label=count_reasons(reading),
        columns=(*COLUMNS, "split", "frames"),
        rows=tuple(first[:rows]),
        remarks=reading.remarks,
        unverified=tuple(reading.descriptor.unverified),
    )


def list_datasets(workspace: WorkspaceLike | None = None) -> tuple[Descriptor, ...]:
    """Return the descriptors of all known datasets, by name.

    Args:
        workspace: workspace whose own descriptors take precedence; None for those that come with fertools.

    Raises:
        InputError: a descriptor is invalid.
    """
    root = None if workspace is None else Workspace(workspace).root
    return tuple(load_descriptor(name, root) for name in descriptor_names(root))
