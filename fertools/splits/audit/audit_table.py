"""The rows of an audit: a manifest of fertools, or a table of another program with a column for the split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import calls
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.parquet_table import read_table
from fertools.core.workspace import Workspace
from fertools.manifests.column_codes import dictionary_of
from fertools.manifests.schema import ANIMATED, FACES
from fertools.manifests.table_stream import read_groups
from fertools.splits.audit.coded_column import Coded, combine

Numbers = NDArray[np.float32] | NDArray[np.float64]
TEXTS = ("subject", "source", "track", "pair", "sequence", "emotion", "dataset", "parent", "checksum")
"""Columns of an imported table that hold text, besides the path and the split."""
NUMBERS = ("frame", "time_s", "valence", "arousal")
"""Columns of an imported table that hold numbers."""
_TEXTS = {
    "subject": "subject_id",
    "source": "source_id",
    "track": "track_id",
    "emotion": "emotion",
    "dataset": "dataset",
    "parent": "parent_id",
    "run": "generator_run",
}
_NUMBERS = {
    "frame": "frame_index",
    "time_s": "pts_s",
    "valence": "valence",
    "arousal": "arousal",
    "sharpness": "blur",
    "face width": "face_px",
    "brightness of the crop": "brightness",
}
_OTHERS = ("subject_origin", "pair_id", "modality", "sequence_id", "fold", "split", "generator_folds")
_DERIVED = ("pair", "modality", "sequence", "part", "unseen")
"""Further columns of text, from those of the manifest."""
_KEPT = [("status", "=", "kept")]
CUES = ("sharpness", "face width", "brightness of the crop")
"""Columns of numbers that a manifest knows of each picture, by which a label may be guessed."""


@dataclass(frozen=True, eq=False)
class AuditTable:
    """N rows to audit.

    Attributes:
        names: N texts: the `face_id` of a manifest, else the path as the table has it.
        parts: N parts of the split.
        files: N paths below `folder`; null for a row without a file.
        folder: folder of the files.
        columns: columns with codes: those of TEXTS that there are. Of a manifest also `tracked`, the subject if it is
            a track of a video, and `run`, the training run of the generator.
        numbers: columns of N numbers by name, of NUMBERS and CUES; NaN where unknown.
        unseen_folds: of a generated face, the folds that its generator was not trained on, such as `0,3`.
        by_source: whether the split promises to keep each source in one part.
        origin: the workspace, or the file of the table.
        split_column: column of the table with the parts; empty for a manifest.
    """

    names: pa.Array | pa.ChunkedArray
    parts: Coded
    files: pa.Array | pa.ChunkedArray
    folder: Path
    columns: Mapping[str, Coded]
    numbers: Mapping[str, Numbers]
    unseen_folds: Coded
    by_source: bool
    origin: Workspace | Path
    split_column: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        """Return the name of a row."""
        return str(self.names[row].as_py())

    def path(self, row: int) -> Path | None:
        """Return the file of a row."""
        name = self.files[row].as_py()
        return None if name is None else self.folder / name

    def paths(self) -> list[Path | None]:
        """Return the files of all rows."""
        return [None if name is None else self.folder / name for name in self.files.to_pylist()]

    def column(self, name: str) -> Coded:
        """Return a column, unknown in all rows if the table lacks it."""
        return self.columns.get(name) or Coded.unknown(len(self))

    def number(self, name: str) -> Numbers:
        """Return a column of numbers, NaN in all rows if the table lacks it."""
        found = self.numbers.get(name)
        return np.full(len(self), np.nan) if found is None else found


def make_table(
    names: Sequence[str],
    parts: Sequence[str | None],
    columns: Mapping[str, Sequence[Any]],
    *,
    files: Sequence[str | None] | None = None,
    folder: Path | None = None,
    unseen_folds: Sequence[str | None] | None = None,
    by_source: bool = False,
    origin: Workspace | Path,
    split_column: str = "",
) -> AuditTable:
    """Return rows to audit from lists; see `AuditTable`.

    Args:
        names: N names.
        parts: N parts.
        columns: lists of N values by name; those of NUMBERS hold numbers.
        files: N paths; None for rows without files.
        folder: folder of the files.
        unseen_folds: see `AuditTable`; None for real faces.
        by_source: see `AuditTable`.
        origin: see `AuditTable`.
        split_column: see `AuditTable`.
    """
    count = len(names)
    return AuditTable(
        names=pa.array(names, pa.string()),
        parts=Coded.of(parts),
        files=pa.nulls(count, pa.string()) if files is None else pa.array(files, pa.string()),
        folder=folder or Path(),
        columns={name: Coded.of(values) for name, values in columns.items() if name not in NUMBERS},
        numbers={name: np.array(columns[name], np.float64) for name in NUMBERS if name in columns},
        unseen_folds=Coded.unknown(count) if unseen_folds is None else Coded.of(unseen_folds),
        by_source=by_source,
        origin=origin,
        split_column=split_column,
    )


def from_workspace(workspace: Workspace, *, files: bool = True) -> AuditTable:
    """Return the kept faces of a manifest.

    Args:
        workspace: the workspace of the manifest.
        files: also read the paths of the crops.

    Raises:
        InputError: there is no manifest, or it has no kept face.
    """
    workspace = Workspace(workspace)
    if not workspace.manifest.is_file():
        raise InputError(f"there is no manifest in {workspace.root}; run {calls.INGEST} there first")
    wanted = ("face_id", *(("path",) if files else ()), *_TEXTS.values(), *_NUMBERS.values(), *_OTHERS)
    found: dict[str, list[pa.Array]] = defaultdict(list)
    for group in read_groups(workspace.manifest, FACES, wanted, _KEPT):
        for name, values in _of_group(group).items():
            found[name].append(values)
    if not found:
        raise InputError(f"{workspace.manifest} has no kept faces to audit; ingest more")
    columns = {name: Coded.of(pa.chunked_array(found.pop(name))) for name in (*_TEXTS, *_DERIVED)}
    columns["tracked"] = columns["subject"].where(np.concatenate(found.pop("tracked")))
    # A sequence of one name is another one in each dataset and modality.
    place = combine(columns["dataset"].codes + 1, columns.pop("modality"))
    columns["sequence"] = Coded(combine(place, columns["sequence"]), columns["sequence"].values)
    names = pa.chunked_array(found.pop("names"))
    return AuditTable(
        names=names,
        parts=columns.pop("part"),
        files=pa.chunked_array(found.pop("files")) if files else pa.nulls(len(names), pa.string()),
        folder=workspace.root,
        columns=columns,
        numbers={name: np.concatenate(found.pop(name)) for name in _NUMBERS},
        unseen_folds=columns.pop("unseen").where(columns["run"].known),
        by_source=workspace.settings().get("split", {}).get("group_by") == "source",
        origin=workspace,
    )


def _of_group(group: pa.Table) -> dict[str, Any]:
    """Return the columns of an audit from some rows: texts as codes, so that much fewer bytes are held."""
    texts = {meaning: group[name] for meaning, name in _TEXTS.items()}
    # A drawn character plays several people, so its pictures may be apart from them.
    texts["pair"] = pc.if_else(pc.equal(group["modality"], ANIMATED), pa.scalar(None, pa.string()), group["pair_id"])
    texts["sequence"], texts["modality"] = group["sequence_id"], group["modality"]
    fold = pc.binary_join_element_wise("fold", group["fold"].cast(pa.string()), " ")
    texts["part"] = pc.coalesce(fold, group["split"])
    texts["unseen"] = pc.binary_join(group["generator_folds"].cast(pa.list_(pa.string())), ",")
    return {
        **{meaning: dictionary_of(column) for meaning, column in texts.items()},
        **{meaning: _numbers_of(group[name]) for meaning, name in _NUMBERS.items()},
        "tracked": pc.fill_null(pc.equal(group["subject_origin"], "video"), False).to_numpy(),
        "names": group["face_id"].combine_chunks(),
        **({"files": group["path"].combine_chunks()} if "path" in group.column_names else {}),
    }


def _numbers_of(column: pa.ChunkedArray) -> Numbers:
    kind = column.type if pa.types.is_float32(column.type) else pa.float64()
    numbers: Numbers = column.cast(kind, safe=False).to_numpy()
    return numbers


def from_table(path: Path, split_column: str, columns: Mapping[str, str] | None = None) -> AuditTable:
    """Return the rows of a CSV or Parquet table.

    Args:
        path: the table. Paths in it are relative to its folder.
        split_column: column with the part of each row, such as `train`.
        columns: names of columns by their meaning: `path`, or one of TEXTS and NUMBERS. A meaning that is not given is
            the column of that name, if there is one.

    Raises:
        InputError: the table cannot be read, is empty, lacks a named column or has text where a number belongs.
    """
    table = read_table(path)
    given = {meaning: name.strip().lower() for meaning, name in (columns or {}).items()}
    known = ("path", *TEXTS, *NUMBERS)
    if unknown := [meaning for meaning in given if meaning not in known]:
        raise InputError(f"{argument('columns')} has '{unknown[0]}'; choose among {', '.join(known)}")
    for name in (split_column.strip().lower(), *given.values()):
        if name not in table.columns:
            raise InputError(f"{path.name} has no column '{name}'; its columns are {', '.join(table.columns)}")
    if not table.lines:
        raise InputError(f"{path.name} has no rows; give a table with a row per picture")
    parts = table.columns[split_column.strip().lower()]
    found: dict[str, Sequence[Any]] = {}
    for meaning in known:
        if (name := given.get(meaning, meaning)) in table.columns:
            cells = table.columns[name]
            numeric = meaning in NUMBERS
            found[meaning] = _numbers(path, name, cells, table.lines) if numeric else [cell or None for cell in cells]
    names = found.pop("path", [None] * len(parts))
    return make_table(
        [name or f"line {line}" for name, line in zip(names, table.lines, strict=True)],
        [part or None for part in parts],
        found,
        files=names,
        folder=path.parent,
        by_source="subject" not in found,
        origin=path,
        split_column=split_column.strip().lower(),
    )


def count_parts(table: AuditTable) -> dict[str, int]:
    """Return the number of rows of each part, by name."""
    counts = np.bincount(table.parts.codes[table.parts.known], minlength=len(table.parts.values)).tolist()
    return dict(sorted((str(part), count) for part, count in zip(table.parts.values.to_pylist(), counts, strict=True)))


def _numbers(path: Path, name: str, cells: Sequence[str], lines: Sequence[int]) -> list[float | None]:
    numbers: list[float | None] = []
    for cell, line in zip(cells, lines, strict=True):
        try:
            numbers.append(float(cell) if cell else None)
        except ValueError as error:
            raise InputError(f"{path.name}:{line}: {name} is '{cell}'; give a number, or leave it empty") from error
    return numbers
