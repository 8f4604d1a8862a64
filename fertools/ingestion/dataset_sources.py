"""Sources of an ingest that a descriptor describes: recognise the folders, read their labels, plan their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError
from fertools.core.outputs import safe_name
from fertools.core.progress import Reporter
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace
from fertools.ingestion.options import IngestOptions
from fertools.sources.content import PassedOver, kind_of
from fertools.sources.datasets.descriptor import Descriptor
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.datasets.reading import DatasetFile, DatasetReading, read_dataset
from fertools.sources.datasets.recognition import choose_layout
from fertools.sources.datasets.registry import PARTS, descriptor_names, find_near, load_descriptor
from fertools.sources.datasets.tree import open_tree
from fertools.sources.discovery import REFUSED, Discovery, SourceFile

SECTION = "datasets"
"""Section of `fertools.toml` that records the terms of each dataset."""


@dataclass(frozen=True)
class DatasetSources:
    """The files of a dataset by name.

    Attributes:
        descriptor: the dataset.
        folders: what each given folder or archive contains.
        discovery: the files as sources, and the number of the others.
        described: what the dataset says about each file, by its path.
    """

    descriptor: Descriptor
    folders: tuple[DatasetReading, ...]
    discovery: Discovery
    described: Mapping[Path, DatasetFile] = field(repr=False)

    @property
    def is_crops(self) -> bool:
        """Whether the pictures are face crops."""
        return self.folders[0].layout.crops

    @property
    def one_face(self) -> bool:
        """Whether the labels mean the largest face of a picture."""
        return self.folders[0].layout.face == "largest"

    @property
    def joined(self) -> DatasetReading:
        """All given folders as one."""
        left_out: Counter[str] = Counter()
        for reading in self.folders:
            left_out.update(reading.left_out)
        files_read = tuple(file for reading in self.folders for file in reading.files)
        remarks = tuple(remark for reading in self.folders for remark in reading.remarks)
        return replace(self.folders[0], files=files_read, left_out=dict(left_out), remarks=remarks)

    @property
    def recorded(self) -> dict[str, Any]:
        """What the workspace records beside the options of the sources."""
        return {"descriptor": f"{self.descriptor.name}{PARTS}{self.folders[0].layout.name}", "one_face": self.one_face}

    @property
    def remarks(self) -> list[str]:
        """Sentences for the user: the layout, what is not verified, and what is odd in the files."""
        layout = self.folders[0].layout
        found = [f"{self.descriptor.title}, layout {layout.name}: {layout.title}"]
        found += [f"not verified: {what}" for what in self.descriptor.unverified]
        return found + [remark for reading in self.folders for remark in reading.remarks]


def find_descriptor(workspace: Workspace, options: IngestOptions) -> tuple[Descriptor | None, str]:
    """Return the descriptor that the options name and the name of a layout, or None for an ordinary ingest.

    Args:
        workspace: workspace whose own descriptors take precedence.
        options: `descriptor` names one; by default, `dataset` does if there is a descriptor of that name.

    Raises:
        InputError: there is no such descriptor, or it is invalid.
    """
    if options.descriptor == "none":
        return None, ""
    name = options.descriptor if options.descriptor != "auto" else options.dataset or ""
    name, _, layout = name.partition(PARTS)
    if options.descriptor == "auto" and name not in descriptor_names(workspace.root):
        return None, ""
    return load_descriptor(name, workspace.root), layout


def near_descriptor(workspace: Workspace, options: IngestOptions) -> str | None:
    """Return the name of the descriptor that a misspelt dataset name most likely means, or None."""
    if options.descriptor != "auto" or options.dataset is None:
        return None
    known = descriptor_names(workspace.root)
    return None if options.dataset in known else find_near(options.dataset, known)


def find_dataset(
    workspace: Workspace, inputs: Sequence[Path], options: IngestOptions, beside: Sequence[Path] = ()
) -> DatasetSources | None:
    """Return the dataset that the options name, read from the given folders; None for an ordinary ingest.

    Args:
        workspace: workspace of the ingest.
        inputs: the given folders and archives.
        options: options of the ingest.
        beside: folders that are not entered.

    Raises:
        InputError: see `find_descriptor` and `open_dataset`.
    """
    descriptor, layout = find_descriptor(workspace, options)
    return None if descriptor is None else open_dataset(workspace, inputs, descriptor, layout, options, beside)


def open_dataset(
    workspace: Workspace,
    inputs: Sequence[Path],
    descriptor: Descriptor,
    layout: str,
    options: IngestOptions,
    beside: Sequence[Path] = (),
) -> DatasetSources:
    """Return the files of some folders or archives of a dataset with their labels; nothing is written.

    Args:
        workspace: workspace of the ingest.
        inputs: folders and archives of the dataset.
        descriptor: the dataset.
        layout: name of the layout; empty for the first that fits.
        options: options of the ingest.
        beside: folders that are not entered.

    Raises:
        InputError: a folder is not laid out as the dataset, a label table cannot be read, or an option contradicts the
            descriptor.
    """
    _refuse_options(options, descriptor)
    frames = FrameRule.parse(options.frames, argument("frames")) if options.frames else None
    lexicon = load_lexicon(workspace.root)
    found: dict[Path, tuple[tuple[Path, int], DatasetFile]] = {}
    passed_over: Counter[str] = Counter()
    remarks: list[str] = []
    folders: list[DatasetReading] = []
    for place in inputs:
        tree = open_tree(place, home=workspace.root, beside=beside)
        chosen = choose_layout(tree, descriptor, layout or (folders[0].layout.name if folders else ""))
        reading = read_dataset(tree, descriptor, chosen, lexicon, frames)
        if tree.refused:
            reading = replace(reading, left_out={**reading.left_out, REFUSED: tree.refused})
        folders.append(reading)
        passed_over.update(reading.left_out)
        remarks += tree.remarks
        for file in reading.files:
            own = None if file.pixels is None else _place(workspace, descriptor, file)
            order = tree.place_of(file.name) if own is None else (own, 0)
            found.setdefault(own or tree.path_of(file.name), (order, file))
    sources: list[SourceFile] = []
    # The members of a compressed archive are read in its own order, because any other is slow.
    for path, (_, file) in sorted(found.items(), key=lambda item: item[1][0]):
        kind = "image" if file.pixels is not None else kind_of(path)
        if isinstance(kind, PassedOver):
            passed_over[kind.why] += 1
            del found[path]
            continue
        folder_name, _, below = file.name.partition("/")
        sources.append(
            SourceFile(
                path,
                Path(below),
                kind,
                folder_name,
                tuple(face.labels for face in file.all_labels),
                file.labels.modality,
                file.frames,
                one_face=folders[0].layout.face == "largest",
            )
        )
    described = {path: file for path, (_, file) in sorted(found.items())}
    discovery = Discovery(tuple(sources), dict(passed_over), remarks=tuple(remarks))
    return DatasetSources(descriptor, tuple(folders), discovery, described)


def dataset_options(options: IngestOptions, dataset: DatasetSources) -> IngestOptions:
    """Return the options with what the descriptor says: the name, the licence, and whether the pictures are crops."""
    return replace(
        options,
        dataset=_label(options, dataset.descriptor),
        licence=options.licence or dataset.descriptor.terms.licence,
        crops=options.crops or dataset.is_crops,
    )


def _label(options: IngestOptions, descriptor: Descriptor) -> str:
    own = (options.dataset or "").partition(PARTS)[0]
    return own or descriptor.name


def write_pictures(dataset: DatasetSources) -> None:
    """Write the pictures that are rows of a table as PNG files, below `manifests/pictures/` of the workspace.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    for path, file in dataset.described.items():
        if file.pixels is None or path.is_file():
            continue
        _, encoded = cv2.imencode(".png", np.frombuffer(file.pixels, np.uint8).reshape(file.shape))
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, encoded.tobytes(), flush=False)


def save_dataset(
    workspace: Workspace, dataset: DatasetSources, name: str, forgotten: Collection[Path] = frozenset()
) -> None:
    """Record a dataset in the workspace: its terms, and a table of everything that it says about its faces.

    Args:
        workspace: the workspace.
        dataset: the dataset.
        name: name of the dataset in the manifest.
        forgotten: files that the workspace has forgotten. They get no rows, and pictures written from a table go.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    terms = dataset.descriptor.terms
    record = {
        "descriptor": dataset.descriptor.name,
        "layout": dataset.folders[0].layout.name,
        "digest": dataset.descriptor.digest,
        "licence": terms.licence,
        "may_share": terms.may_share,
        "cite": terms.cite,
    }
    workspace.save_settings(SECTION, {**workspace.settings().get(SECTION, {}), name: record})
    described = {path: file for path, file in dataset.described.items() if path not in forgotten}
    rows = [row for path, file in described.items() for row in _rows(workspace.name_of(path), file)]
    for picture in (path for path, file in dataset.described.items() if path in forgotten and file.pixels is not None):
        picture.unlink(missing_ok=True)
    path = workspace.manifest.parent / "datasets" / f"{safe_name(name)}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), temporary, compression="zstd")


def note_dataset(
    workspace: Workspace, dataset: DatasetSources | None, options: IngestOptions, report: Reporter
) -> None:
    """Say how a dataset is read, or that a name is nearly that of a descriptor."""
    for remark in dataset.remarks if dataset else ():
        report.note(remark)
    if dataset is None and (near := near_descriptor(workspace, options)):
        report.note(
            f"no descriptor is called '{options.dataset}', so the name is a label only; {argument('dataset')} {near} "
            f"reads the folder as that dataset"
        )


def unshareable(workspace: Workspace) -> list[str]:
    """Return the datasets in a workspace whose pixels may not be passed on, by name."""
    recorded = workspace.settings().get(SECTION, {})
    return sorted(name for name, record in recorded.items() if not record.get("may_share", True))


def refuse_unshareable(workspace: Workspace, datasets: Collection[str | None] | None = None) -> None:
    """Raise InputError if a dataset in a workspace may not be passed on.

    Args:
        workspace: the workspace.
        datasets: names of the datasets to be passed on; None for all.

    Raises:
        InputError: the terms of one of them forbid it.
    """
    if names := [name for name in unshareable(workspace) if datasets is None or name in datasets]:
        raise InputError(
            f"the terms of {', '.join(names)} in {workspace.root} forbid passing its pictures on; if the receiver has "
            f"signed them, too, give {given('allow_restricted', True)}"
        )


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("path", "subject_id", "emotion", "sequence", "session", "view", "split")),
        *((name, pa.float64()) for name in ("intensity", "valence", "arousal")),
        ("votes", pa.map_(pa.string(), pa.float64())),
        ("box", pa.list_(pa.float64(), 4)),
        *((name, pa.string()) for name in ("modality", "pair", "reason")),
    ]
)
"""Columns of the table of everything that a dataset says about its faces."""


def _rows(path: str, file: DatasetFile) -> Iterable[dict[str, Any]]:
    for labels in file.all_labels:
        row = {name: getattr(labels, name, None) for name in _SCHEMA.names}
        yield {**row, "path": path, "subject_id": labels.subject, "votes": list(labels.votes.items()) or None}


def _place(workspace: Workspace, descriptor: Descriptor, file: DatasetFile) -> Path:
    """Return the path of a picture that is a row of a table; its name comes from a file, so it is made safe."""
    parts = [safe_name(part) for part in file.name.split("/")[1:]]
    return workspace.manifest.parent.joinpath("pictures", safe_name(descriptor.name), *parts)


def _refuse_options(options: IngestOptions, descriptor: Descriptor) -> None:
    """Raise InputError if an option says what the descriptor says, which could contradict it."""
    usual = IngestOptions()
    for name in ("subject_from", "emotion_from", "sequence_from", "modality"):
        if getattr(options, name) != getattr(usual, name):
            raise InputError(
                f"{argument(name)} and the descriptor of {descriptor.title} both say what the files are; leave it out, "
                f"or give {argument('descriptor')} none to read the files by it"
            )
