"""The rows of an audit: a manifest of fertools, or a table of another program with a column for the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.parquet_table import read_table
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import ANIMATED

TEXTS = ("subject", "source", "track", "pair", "emotion", "dataset", "parent", "checksum")
"""Columns of an imported table that hold text, besides the path and the split."""
NUMBERS = ("frame", "time_s", "valence", "arousal")
"""Columns of an imported table that hold numbers."""
_MANIFEST = {
    "subject": "subject_id",
    "source": "source_id",
    "pair": "pair_id",
    "emotion": "emotion",
    "dataset": "dataset",
    "parent": "parent_id",
    "frame": "frame_index",
    "time_s": "pts_s",
    "valence": "valence",
    "arousal": "arousal",
}


@dataclass(frozen=True)
class AuditTable:
    """N rows to audit.

    Attributes:
        names: N names: the `face_id` of a manifest, else the path as the table has it.
        parts: N parts of the split; None for a row without one.
        paths: N files; None for a row without one.
        columns: N values of each column of TEXTS and NUMBERS that there is; None where unknown.
        generator_folds: for each row, the folds that its generator was not trained on; None for a real face.
        by_source: whether the split promises to keep each source in one part.
        origin: the workspace, or the file of the table.
        split_column: column of the table with the parts; empty for a manifest.
    """

    names: Sequence[str]
    parts: Sequence[str | None]
    paths: Sequence[Path | None]
    columns: Mapping[str, Sequence[Any]]
    generator_folds: Sequence[tuple[int, ...] | None]
    by_source: bool
    origin: Workspace | Path
    split_column: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def column(self, name: str) -> Sequence[Any]:
        """Return a column, all None if the table lacks it."""
        return self.columns.get(name, [None] * len(self))


def from_workspace(workspace: Workspace) -> AuditTable:
    """Return the kept faces of a manifest.

    Raises:
        InputError: there is no manifest, or it has no kept face.
    """
    names = ["face_id", "path", "fold", "split", "track_id", "modality", "generator_run", "generator_folds"]
    table = store.read_faces(workspace, [*names, *_MANIFEST.values()], [("status", "=", "kept")])
    if not len(table):
        raise InputError(f"{workspace.manifest} has no kept faces to audit; ingest more")
    cells = {name: table[name].to_pylist() for name in table.column_names}
    columns = {name: cells[column] for name, column in _MANIFEST.items()}
    columns["track"] = cells["track_id"]
    # A drawn character plays several people, so its pictures may be apart from them.
    columns["pair"] = [
        None if modality == ANIMATED else pair
        for pair, modality in zip(cells["pair_id"], cells["modality"], strict=True)
    ]
    return AuditTable(
        names=cells["face_id"],
        parts=[
            f"fold {fold}" if fold is not None else split
            for fold, split in zip(cells["fold"], cells["split"], strict=True)
        ],
        paths=[None if path is None else workspace.root / path for path in cells["path"]],
        columns=columns,
        generator_folds=[
            None if run is None or folds is None else tuple(folds)
            for run, folds in zip(cells["generator_run"], cells["generator_folds"], strict=True)
        ],
        by_source=workspace.settings().get("split", {}).get("group_by") == "source",
        origin=workspace,
    )


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
    return AuditTable(
        names=[name or f"line {line}" for name, line in zip(names, table.lines, strict=True)],
        parts=[part or None for part in parts],
        paths=[None if name is None else path.parent / name for name in names],
        columns=found,
        generator_folds=[None] * len(parts),
        by_source="subject" not in found,
        origin=path,
        split_column=split_column.strip().lower(),
    )


def count_parts(table: AuditTable) -> dict[str, int]:
    """Return the number of rows of each part, by name."""
    return dict(sorted(Counter(part for part in table.parts if part is not None).items()))


def _numbers(path: Path, name: str, cells: Sequence[str], lines: Sequence[int]) -> list[float | None]:
    numbers: list[float | None] = []
    for cell, line in zip(cells, lines, strict=True):
        try:
            numbers.append(float(cell) if cell else None)
        except ValueError as error:
            raise InputError(f"{path.name}:{line}: {name} is '{cell}'; give a number, or leave it empty") from error
    return numbers
