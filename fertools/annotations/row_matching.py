"""Match the rows of a table to faces: by face, by frame of a source, or by whole source."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Literal
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fertools.annotations.formats.filenames import name_files
from fertools.annotations.formats.table import LabelTable
from fertools.core.cells import composed
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.manifests import store

Key = Literal["face_id", "frame", "source"]
KEY_COLUMNS: dict[Key, tuple[str, ...]] = {
    "face_id": ("face_id",),
    "frame": ("source", "frame_index"),
    "source": ("source",),
}
"""Columns of each kind of key, the most specific kind first."""
Report = Callable[[int, str], None]
Integers = npt.NDArray[np.int64]

_FRAMES = 2**31
"""More than any frame number: the number of a source times this, plus a frame number, identifies a frame."""

_OTHERS = ", but other rows have one; import rows with different keys separately"
_DIGITS = 18
"""More digits than any frame number has; Python refuses to parse integers with thousands of digits."""


@dataclass(frozen=True)
class Rows:
    """The match of rows and faces by targets: faces, frames or sources.

    Attributes:
        what: kind of the targets: `face`, `frame` or `source`.
        target: target number of each row of the file, or -1.
        target_of_face: target number of each face of the manifest, or -1.
        target_count: number of targets.
    """

    what: str
    target: Integers
    target_of_face: Integers
    target_count: int


def find_key(table: LabelTable, wanted: Literal["auto"] | Key) -> Key:
    """Return the kind of key to match rows by: `wanted`, or the most specific one that the columns allow.

    Raises:
        InputError: the table lacks the columns of the key.
    """
    for key, columns in KEY_COLUMNS.items():
        if wanted in ("auto", key) and set(columns) <= set(table.columns):
            return key
    needed = "face_id, or source and frame_index, or source" if wanted == "auto" else " and ".join(KEY_COLUMNS[wanted])
    raise InputError(f"{table.name}:1: no column identifies the faces of the rows; give {needed}")


def match_rows(workspace: Workspace, faces: pa.Table, table: LabelTable, key: Key, report: Report) -> Rows:
    """Match the rows of a table to faces and report every row without a match.

    A source or frame without a detected face is a valid match; its rows label nothing.

    Args:
        workspace: the workspace of the sources table.
        faces: the manifest.
        table: the table.
        key: kind of key, whose columns the table has.
        report: called with the number and the problem of each wrong row.
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
        report(row, f"there is no face '{ids[row]}' in the manifest" if ids[row] else f"the face_id is empty{_OTHERS}")
    return Rows("face", target, np.arange(len(faces)), len(faces))


def find_sources(workspace: Workspace, sources: pa.Table, names: Sequence[str], report: Report) -> Integers:
    """Return the number of the source for each name; a name without a source gets -1 and is reported."""
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
    """Return how many names belong to a copy of another source, which has the faces."""
    sources = store.read_sources(workspace, ["source_id", "path", "frames_decoded", "status"])
    numbers = find_sources(workspace, sources, names, lambda _row, _problem: None)
    return int(_copies(sources)[numbers[numbers >= 0]].sum())


class SourceFinder:
    """Finds sources by path, identifier, or unique end of a path.

    A name may have backslashes, percent-encoding (`%20`), another Unicode form, or the folders of another machine
    before the path of a source. An exact match takes precedence.

    Args:
        workspace: the workspace of the sources.
        sources: a table with `source_id`, `path` and `frames_decoded`.
    """

    def __init__(self, workspace: Workspace, sources: pa.Table) -> None:
        self._root = f"{workspace.root.as_posix()}/"
        self._paths: list[str] = sources["path"].to_pylist()
        self._exact = {path: number for number, path in enumerate(self._paths)}
        self._ids = {name: number for number, name in enumerate(sources["source_id"].to_pylist())}
        self._written = {
            name: self._ids[source_id]
            for source_id, name in name_files(dict(zip(self._ids, self._paths, strict=True))).items()
        }
        self._frames: list[int | None] = sources["frames_decoded"].to_pylist()
        self._by_upload: dict[str, list[str]] = defaultdict(list)
        self._by_end: dict[tuple[int, bool], dict[str, list[int]]] = {}

    def find(self, name: str) -> int | str:
        """Return the number of the source for a name, or the problem of the name as a sentence."""
        if not name:
            return "the source is empty"
        for spelling in dict.fromkeys((name, unquote(name), name.replace("\\", "/"), unquote(name).replace("\\", "/"))):
            path = spelling.removeprefix(self._root).removeprefix("./")
            if path in self._exact:
                return self._exact[path]
            if spelling.lower() in self._ids:
                return self._ids[spelling.lower()]
            fitting = self._fitting(composed(path))
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                first, second = (self._paths[number] for number in fitting[:2])
                more = f"{len(fitting)} sources, such as {first} and {second}"
                return f"'{name}' matches {more}; give more of the path"
        return f"there is no source '{name}'; give its path in `manifests/sources.parquet`, or the end of it"

    def path_of(self, name: str) -> str | None:
        """Return the path of the source for a name; None without a match or with several."""
        found = self.find(name)
        return self._paths[found] if isinstance(found, int) else None

    def frames_of(self, path: str) -> int | None:
        """Return the number of frames of the source with a path; None if it was not decoded."""
        return self._frames[self._exact[path]] if path in self._exact else None

    def uploaded_as(self, name: str) -> str | None:
        """Return the path of the source whose uploaded file has this name; None without a match or with several."""
        if not self._by_upload:
            for path in self._paths:
                self._by_upload[_uploaded(PurePosixPath(path).name)].append(path)
        fitting = self._by_upload.get(_uploaded(name), [])
        return fitting[0] if len(fitting) == 1 else None

    def named_like(self, path: PurePath) -> str | None:
        """Return the path of the source with the name of a label file; None without a match or with several."""
        if path.stem in self._written:
            return self._paths[self._written[path.stem]]
        parts = [*path.parts[:-1], path.stem]
        for count in range(1, len(parts) + 1):
            fitting = self._ends(count, stem=True).get(composed("/".join(parts[-count:])), [])
            if len(fitting) == 1:
                return self._paths[fitting[0]]
            if not fitting:
                break
        return None

    def _fitting(self, path: str) -> list[int]:
        """Return the sources with this path, else those whose path ends in it, else those whose path it ends in."""
        parts = path.split("/")
        ending = self._ends(len(parts)).get(path, [])
        if whole := [number for number in ending if self._paths[number].count("/") == len(parts) - 1]:
            return whole
        for count in range(len(parts) - 1, 1, -1) if not ending else ():
            fitting = self._ends(count).get("/".join(parts[-count:]), [])
            if whole := [number for number in fitting if self._paths[number].count("/") == count - 1]:
                return whole
        return ending

    def _ends(self, parts: int, *, stem: bool = False) -> dict[str, list[int]]:
        """Return the sources by the last `parts` parts of their paths, without the suffix if `stem` is set."""
        if (parts, stem) not in self._by_end:
            ends = defaultdict(list)
            for number, path in enumerate(self._paths):
                own = PurePosixPath(path)
                names = (own.with_suffix("") if stem and own.suffix else own).as_posix().split("/")
                ends[composed("/".join(names[-parts:]))].append(number)
            self._by_end[parts, stem] = ends
        return self._by_end[parts, stem]


def _uploaded(name: str) -> str:
    """Return the name of a file as web servers store it: without spaces and special characters."""
    return re.sub(r"[^-\w.]", "", composed(name).strip().replace(" ", "_"))


def _find_frames(sources: pa.Table, source: Integers, texts: Sequence[str], report: Report) -> Integers:
    # A copy was never decoded, so its number of frames is not checked.
    decoded = np.where(_copies(sources), _FRAMES, _numbers(sources["frames_decoded"]))
    paths = sources["path"]
    frames = np.full(len(texts), -1, np.int64)
    for row, text in enumerate(texts):
        if not (text.isascii() and text.isdigit()):
            problem = f"'{text}' is not a whole number from 0" if text else f"is empty{_OTHERS}"
            report(row, f"frame_index {problem}")
        elif source[row] >= 0 and (len(text) > _DIGITS or not int(text) < decoded[source[row]]):
            path, count = paths[int(source[row])].as_py(), max(0, int(decoded[source[row]]))
            report(row, f"{path} has no frame {text}; it has {count} frames, and the first is 0")
        else:
            frames[row] = int(text[:_DIGITS]) if source[row] >= 0 else -1
    return frames


def _copies(sources: pa.Table) -> npt.NDArray[np.bool_]:
    return np.array([status == "duplicate" for status in sources["status"].to_pylist()], bool)


def _numbers(array: pa.Array | pa.ChunkedArray) -> Integers:
    return np.asarray(pc.fill_null(pc.cast(array, pa.int64()), -1).to_numpy(zero_copy_only=False), np.int64)
