"""Read a dataset by its layout: which files are sources, and what names and tables say about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np

from fertools.core.errors import InputError
from fertools.core.vocabulary import Lexicon
from fertools.sources.content import VIDEO_SUFFIXES
from fertools.sources.datasets.described_faces import DescribedFace, Labeller
from fertools.sources.datasets.descriptor import Descriptor, Layout, Table
from fertools.sources.datasets.filling import fill
from fertools.sources.datasets.frame_rules import ALL, FrameRule
from fertools.sources.datasets.joining import MatchedFile, drop_repeated, find_unequal, join_tables, match_files
from fertools.sources.datasets.label_tables import read_rows, read_tables
from fertools.sources.datasets.tree import Tree


@dataclass(frozen=True)
class DatasetFile:
    """A picture or video of a dataset, and what the dataset says about it.

    Attributes:
        name: path in the tree.
        labels: labels of its face; if `faces` has some, what is known about the whole file.
        faces: labels of each face in a box; empty if the labels mean one face.
        frames: which frames of a video are read.
        pixels: grey values of a picture that is a row of a table, row by row; None for a file.
        shape: height and width of such a picture.
    """

    name: str
    labels: DescribedFace
    faces: tuple[DescribedFace, ...] = ()
    frames: FrameRule = ALL
    pixels: bytes | None = field(default=None, repr=False)
    shape: tuple[int, int] = (0, 0)

    @property
    def all_labels(self) -> tuple[DescribedFace, ...]:
        """The labels of each face that the dataset describes."""
        return self.faces or (self.labels,)


@dataclass(frozen=True)
class DatasetReading:
    """What a folder of a dataset contains.

    Attributes:
        descriptor: the dataset.
        layout: the layout of the folder.
        files: the files to read, in order of their paths.
        left_out: number of other files by the reason why they are not read.
        remarks: sentences for the user, such as about folders that contradict file names.
    """

    descriptor: Descriptor
    layout: Layout
    files: tuple[DatasetFile, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_dataset(
    tree: Tree, descriptor: Descriptor, layout: Layout, lexicon: Lexicon, frames: FrameRule | None = None
) -> DatasetReading:
    """Return the files of a folder with their labels.

    Args:
        tree: files of the folder.
        descriptor: the dataset.
        layout: layout of the folder, from `choose_layout`.
        lexicon: the words for emotions.
        frames: which frames of a sequence are read, with the labels of the sequence; None for those of the layout.

    Raises:
        InputError: a label table is missing or cannot be read, or no file is a picture or video of the dataset.
    """
    if frames is not None:
        layout = replace(layout, frames=frames, also=())
    labeller = Labeller(descriptor, layout, lexicon)
    left_out: Counter[str] = Counter()
    found = match_files(tree, layout, left_out)
    join_tables(found, layout, read_tables(tree, layout))
    if layout.needs_label:
        left_out["without a label"] += sum(not one.has_row for one in found)
        found = [one for one in found if one.has_row]
    found = drop_repeated(found, layout, left_out)
    remarks = find_unequal(found, layout)
    files = [_finish(one, labeller) for one in _choose_frames(found, labeller, left_out)]
    for table in layout.tables:
        files += _pictures(tree, table, labeller) if table.pixels else ()
    if not files:
        raise InputError(f"{tree.title} holds no picture or video of {descriptor.title}; give the complete folder")
    files.sort(key=lambda file: file.name)
    return DatasetReading(descriptor, layout, tuple(files), dict(+left_out), tuple(remarks))


def is_video_name(name: str) -> bool:
    """Return whether a file is a video by its name."""
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def _choose_frames(found: Sequence[MatchedFile], labeller: Labeller, left_out: Counter[str]) -> list[MatchedFile]:
    """Return videos, pictures outside of sequences, and the chosen pictures of each sequence."""
    layout = labeller.layout
    if "sequence" not in layout.fields:
        return list(found)
    chosen: list[MatchedFile] = []
    sequences: dict[str, list[MatchedFile]] = {}
    for one in found:
        sequence = labeller.raw("sequence", one.values)
        if sequence is None or is_video_name(one.name):
            chosen.append(one)
        else:
            sequences.setdefault(sequence, []).append(one)
    for frames in sequences.values():
        frames.sort(key=lambda one: (_frame_number(one, labeller), one.name))
        taken = _positions(frames, labeller)
        left_out["frames that the rule does not choose"] += len(frames) - len(taken)
        chosen += [frames[place] for place in taken]
    return chosen


def _positions(frames: Sequence[MatchedFile], labeller: Labeller) -> list[int]:
    """Return the positions of the chosen frames of a sequence; those of `also` get their own values."""
    layout = labeller.layout
    peaks = (labeller.raw("apex", one.values) for one in frames)
    apex = next((int(float(peak)) for peak in peaks if peak is not None), None)
    numbers = [_frame_number(one, labeller) for one in frames]
    place = numbers.index(apex) if apex in numbers else None
    taken = layout.frames.choose(len(frames), place)
    for also in layout.also:
        if also.labelled and labeller.labels(frames[-1].values).emotion is None:
            continue
        for extra in also.frames.choose(len(frames), place):
            if extra not in taken:
                frames[extra].override = also.values
                taken.append(extra)
    return sorted(taken)


def _frame_number(one: MatchedFile, labeller: Labeller) -> int:
    text = labeller.raw("frame", one.values)
    return int(text) if text is not None and text.isdigit() else 0


def _finish(one: MatchedFile, labeller: Labeller) -> DatasetFile:
    labels = labeller.labels(one.values, one.override, one.tally or None, one.reason)
    faces = tuple(labeller.labels({**one.values, **row}) for row in one.faces)
    if faces:
        labels = replace(labels, emotion=None, reason=None, box=None)
    return DatasetFile(one.name, labels, faces, labeller.layout.frames)


def _pictures(tree: Tree, table: Table, labeller: Labeller) -> Iterator[DatasetFile]:
    """Yield the pictures that are rows of a table, with the rows of the other tables that have their key."""
    tables = tuple(other for other in labeller.layout.tables if not other.pixels)
    # The key of a row is that of the table, not that of the layout, which is for files.
    layout = replace(labeller.layout, tables=tables, key="{key of the row}")
    others = read_tables(tree, layout)
    given = tree.names[0].split("/", 1)[0]
    for row in read_rows(tree, table):
        pixels = _grey_values(row.pop(table.pixels, ""), table, f"{tree.title}: row {row['line']}")
        name = fill(table.picture, row) or f"{row['row']}.png"
        one = MatchedFile(f"{given}/{name}", {**row, "path": name, "key of the row": fill(table.key, row) or ""})
        join_tables([one], layout, others)
        yield replace(_finish(one, labeller), pixels=pixels, shape=table.shape)


def _grey_values(text: str, table: Table, where: str) -> bytes:
    height, width = table.shape
    try:
        pixels = np.array(text.split(), np.uint8)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where} has pixels that are no numbers from 0 to 255; restore the table") from error
    if pixels.size != height * width:
        raise InputError(f"{where} has {pixels.size} pixels, not {height} x {width}; restore the table")
    return pixels.tobytes()
