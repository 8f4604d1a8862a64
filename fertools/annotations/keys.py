"""Which faces the rows of a table speak of: by face, by frame of a source, or by whole source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.formats.table import LabelTable
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store

Key = Literal["face_id", "frame", "source"]
KEY_COLUMNS: dict[Key, tuple[str, ...]] = {
    "face_id": ("face_id",),
    "frame": ("source", "frame_index"),
    "source": ("source",),
}
"""Columns that make up each kind of key, the most specific kind first."""
Report = Callable[[int, str], None]
Integers = npt.NDArray[np.int64]

_FRAMES = 2**31
"""More than any frame's number: a source's number times this plus a frame's number names the frame."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file and the faces, tied by targets: the things that the file's rows are about.

    Attributes:
        what: what a target is: `face`, `frame` or `source`.
        target: per row of the file its target, or -1.
        target_of_face: per face of the manifest its target, or -1.
        target_count: how many targets there are.
    """

    what: str
    target: Integers
    target_of_face: Integers
    target_count: int


def find_key(table: LabelTable, wanted: Literal["auto"] | Key) -> Key:
    """Return the kind of key to find rows by: `wanted`, or the most specific one that the columns allow.

    Raises:
        InputError: the header lacks the columns for it.
    """
    for key, columns in KEY_COLUMNS.items():
        if wanted in ("auto", key) and set(columns) <= set(table.columns):
            return key
    needed = "face_id, or source and frame_index, or source" if wanted == "auto" else " and ".join(KEY_COLUMNS[wanted])
    raise InputError(f"{table.name}:1: no column says which faces the rows are about; give {needed}")


def match_rows(workspace: Workspace, faces: pa.Table, table: LabelTable, key: Key, report: Report) -> Rows:
    """Return which faces the rows are about, and report every row that is about none.

    A source or frame in which no face was found is known all the same; its rows label nothing.

    Args:
        workspace: whose sources table.
        faces: the manifest.
        table: the file.
        key: kind of key, whose columns the file has.
        report: called with a row's number and what is wrong with it.
    """
    if key == "face_id":
        return _by_face(faces, table.columns["face_id"], report)
    sources = store.read_sources(workspace, ["source_id", "path", "frames_decoded", "status"])
    source = find_sources(workspace, sources, table.columns["source"], report)
    source_of_face = _numbers(pc.index_in(faces["source_id"], value_set=sources["source_id"].combine_chunks()))
    if key == "source":
        return Rows("source", source, source_of_face, len(sources))
    frame = _find_frames(sources, source, table.columns["frame_index"], report)
    frame_of_face = _numbers(faces["frame_index"])
    name = np.where((source >= 0) & (frame >= 0), source * _FRAMES + frame, -1)
    name_of_face = np.where((source_of_face >= 0) & (frame_of_face >= 0), source_of_face * _FRAMES + frame_of_face, -1)
    names, number = np.unique(np.concatenate([[-1], name, name_of_face]), return_inverse=True)
    targets = number.astype(np.int64)[1:] - 1
    return Rows("frame", targets[: len(name)], targets[len(name) :], len(names) - 1)


def _by_face(faces: pa.Table, ids: Sequence[str], report: Report) -> Rows:
    lowered = pa.array([text.lower() for text in ids], pa.string())
    target = _numbers(pc.index_in(lowered, value_set=faces["face_id"].combine_chunks()))
    for row in np.flatnonzero(target < 0).tolist():
        report(row, f"there is no face '{ids[row]}' in the manifest" if ids[row] else "the face_id is empty")
    return Rows("face", target, np.arange(len(faces)), len(faces))


def find_sources(workspace: Workspace, sources: pa.Table, names: Sequence[str], report: Report) -> Integers:
    """Return the number of the source that each name means, -1 where it means none, which is reported."""
    finder = SourceFinder(workspace, sources)
    found = {name: finder.find(name) for name in set(names)}
    numbers = np.full(len(names), -1, np.int64)
    for row, name in enumerate(names):
        answer = found[name]
        if isinstance(answer, int):
            numbers[row] = answer
        else:
            report(row, answer)
    return numbers


def count_rows_of_copies(workspace: Workspace, names: Sequence[str]) -> int:
    """Return how many of the names mean a source that is a copy of another: its faces stand under that one alone."""
    sources = store.read_sources(workspace, ["source_id", "path", "status"])
    numbers = find_sources(workspace, sources, names, lambda _row, _problem: None)
    return int(_copies(sources)[numbers[numbers >= 0]].sum())


class SourceFinder:
    """Finds sources by path, identifier, or any end of a path that only one source has.

    Args:
        workspace: whose paths are relative to its root.
        sources: `source_id` and `path`.
    """

    def __init__(self, workspace: Workspace, sources: pa.Table) -> None:
        self._root = f"{workspace.root.as_posix()}/"
        self._paths: list[str] = sources["path"].to_pylist()
        self._exact = {path: number for number, path in enumerate(self._paths)}
        self._ids = {name: number for number, name in enumerate(sources["source_id"].to_pylist())}
        self._by_end: dict[int, dict[str, list[int]]] = {}
        self._by_stem: dict[int, dict[str, list[int]]] = {}

    def find(self, name: str) -> int | str:
        """Return the number of the source called `name`, or what is wrong with the name."""
        if not name:
            return "the source is empty"
        path = name.removeprefix(self._root).removeprefix("./")
        if path in self._exact:
            return self._exact[path]
        if name.lower() in self._ids:
            return self._ids[name.lower()]
        fitting = self._ends(path.count("/") + 1).get(path, [])
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            first, second = (self._paths[number] for number in fitting[:2])
            return f"'{name}' may be any of {len(fitting)} sources, such as {first} and {second}; give more of the path"
        return f"there is no source '{name}'; give its path as `manifests/sources.parquet` has it, or the end of it"

    def guess(self, path: PurePath) -> str:
        """Return the path of the source that a file of labels is named like, with another suffix; else its stem."""
        for parts in range(1, len(path.parts) + 1):
            if parts not in self._by_stem:
                ends = defaultdict(list)
                for number, name in enumerate(self._paths):
                    ends["/".join(PurePosixPath(name).with_suffix("").parts[-parts:])].append(number)
                self._by_stem[parts] = ends
            fitting = self._by_stem[parts].get("/".join((*path.parts[-parts:-1], path.stem)), [])
            if len(fitting) == 1:
                return self._paths[fitting[0]]
            if not fitting:
                break
        return path.stem

    def _ends(self, parts: int) -> dict[str, list[int]]:
        """Return the sources by the last `parts` parts of their paths."""
        if parts not in self._by_end:
            ends = defaultdict(list)
            for number, path in enumerate(self._paths):
                ends["/".join(path.split("/")[-parts:])].append(number)
            self._by_end[parts] = ends
        return self._by_end[parts]


def _find_frames(sources: pa.Table, source: Integers, texts: Sequence[str], report: Report) -> Integers:
    # A copy was never decoded: how many frames it has is known of the file that it is a copy of.
    decoded = np.where(_copies(sources), _FRAMES, _numbers(sources["frames_decoded"]))
    paths = sources["path"]
    frames = np.full(len(texts), -1, np.int64)
    for row, text in enumerate(texts):
        if not (text.isascii() and text.isdigit()):
            report(row, f"frame_index '{text}' is not a whole number from 0")
        elif source[row] >= 0 and not int(text) < decoded[source[row]]:
            path, count = paths[int(source[row])].as_py(), max(0, int(decoded[source[row]]))
            report(row, f"{path} has no frame {text}, since it has {count} frames and the first is 0")
        else:
            frames[row] = int(text) if source[row] >= 0 else -1
    return frames


def _copies(sources: pa.Table) -> npt.NDArray[np.bool_]:
    return np.array([status == "duplicate" for status in sources["status"].to_pylist()], bool)


def _numbers(array: pa.Array | pa.ChunkedArray) -> Integers:
    return np.asarray(pc.fill_null(pc.cast(array, pa.int64()), -1).to_numpy(zero_copy_only=False), np.int64)
