"""Join the sources of several workspaces: one row per file, and one original per content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core.arguments import given
from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.plan import COPY_OF, id_of_name
from fertools.manifests import store
from fertools.manifests.schema import SOURCES
from fertools.manifests.tombstones import GIVEN_ORIGINS, Tombstones

_DESCRIBED = (
    "path",
    "kind",
    "dataset",
    "modality",
    "licence",
    "subject_id",
    "subject_origin",
    "emotion",
    "emotion_origin",
)
"""Columns of a source that are known before opening it, and therefore also for a duplicate."""


@dataclass(frozen=True)
class Entry:
    """A row of a sources table.

    Attributes:
        workspace: the workspace of the row.
        part: path of the committed part with the row.
        row: the columns of the row; paths are relative to the workspace that is being merged into.
        content: digest of the file's content; None if unknown.
    """

    workspace: Workspace
    part: Path
    row: dict[str, Any]
    content: str | None

    @property
    def failed(self) -> bool:
        """Whether the file could not be ingested."""
        return bool(self.row["status"] == "failed")

    @property
    def copy(self) -> bool:
        """Whether the file is a copy of another file, which has the faces."""
        return bool(self.row["status"] == "duplicate")


@dataclass(frozen=True)
class UnitedPart:
    """The sources of one committed part that belong into a union.

    Attributes:
        workspace: the workspace of the part.
        part: path of the part's sources table.
        sources: rows of SOURCES, sorted; their paths are relative to the workspace that is being merged into.
    """

    workspace: Workspace
    part: Path
    sources: pa.Table


def unite(target: Workspace, workspaces: Sequence[Workspace], tombstones: Tombstones) -> list[UnitedPart]:
    """Return the sources that a merge of some workspaces has, by part.

    Almost every row of millions stays unchanged. Only rows that share a path or content with another one, and copies
    with their originals, are decided one by one.

    Args:
        target: the workspace that is being merged into.
        workspaces: all workspaces, `target` first.
        tombstones: what is forgotten, and left out.

    Raises:
        ResumeRefused: a file was ingested with two different contents.
        SchemaError: a part has another schema version.
    """
    parts = [(one, part) for one in workspaces for part in sorted(one.parts.glob("*.sources.parquet"))]
    tables = [store.read_table(part, SOURCES) for _, part in parts]
    rows = pa.concat_tables([SOURCES.arrow.empty_table(), *tables])
    owners = np.repeat(np.arange(len(parts)), np.array([len(table) for table in tables], np.int64))
    del tables
    renamed = _renamed(target, rows["path"], parts, owners)
    by_name = pa.array([id_of_name(name) for name in rows["path"].to_pylist()], pa.string())
    identified = pc.not_equal(rows["source_id"], by_name)
    del by_name
    contents = pc.if_else(identified, rows["source_id"], pa.scalar(None, pa.string()))
    shared = _shared(rows, renamed, contents)
    entries = _read_entries(target, parts, owners, rows, np.flatnonzero(shared))
    decided = decide(target, [entry for entry in entries if not is_forgotten(entry, tombstones)])
    plain = _with_names(rows, renamed, identified)
    alone = ~shared & ~_forgotten(plain, contents, tombstones)
    places = {path: number for number, (_, path) in enumerate(parts)}
    taken = pa.concat_tables(
        [plain.filter(pa.array(alone)), pa.Table.from_pylist([entry.row for entry in decided], SOURCES.arrow)]
    )
    number = np.concatenate([owners[alone], np.array([places[entry.part] for entry in decided], np.int64)])
    order = pc.sort_indices(
        pa.table({"part": number, "key": taken[SOURCES.key]}),
        sort_keys=[("part", "ascending"), ("key", "ascending")],
    )
    taken, ends = taken.take(order), np.cumsum(np.bincount(number, minlength=len(parts)))
    return [
        UnitedPart(workspace, part, taken.slice(begin, end - begin))
        for (workspace, part), begin, end in zip(parts, [0, *ends[:-1].tolist()], ends.tolist(), strict=True)
        if end > begin
    ]


def is_forgotten(entry: Entry, tombstones: Tombstones) -> bool:
    """Return whether a file of another workspace, or the person in it, is forgotten."""
    row = entry.row
    of_subject = row["subject_origin"] in GIVEN_ORIGINS and tombstones.has("subject", row["subject_id"])
    return of_subject or tombstones.has("source", entry.content or row["source_id"])


def _forgotten(rows: pa.Table, contents: pa.ChunkedArray, tombstones: Tombstones) -> NDArray[np.bool_]:
    """Return which rows are forgotten; see `is_forgotten`."""
    if not tombstones:
        return np.zeros(len(rows), np.bool_)
    names = pc.coalesce(contents, rows["source_id"])
    gone = pa.array(sorted(tombstones.among("source", names.to_pylist())), pa.string())
    found = pc.or_(tombstones.of_subjects(rows), pc.is_in(names, value_set=gone))
    return np.asarray(pc.fill_null(found, False).to_numpy(), np.bool_)


def _renamed(
    target: Workspace, names: pa.ChunkedArray, parts: Sequence[tuple[Workspace, Path]], owners: NDArray[np.int64]
) -> pa.ChunkedArray:
    """Return the names of files in `target` for their names in their own workspaces."""
    roots = pa.array([one.root.as_posix().rstrip("/") for one, _ in parts], pa.string()).take(pa.array(owners))
    joined = pc.binary_join_element_wise(pa.chunked_array([roots]), names, "/")
    absolute = pc.if_else(pc.starts_with(names, "/"), names, joined)
    home = target.root.as_posix().rstrip("/") + "/"
    inside = pc.starts_with(absolute, home)
    renamed = pc.if_else(inside, pc.utf8_slice_codeunits(absolute, len(home)), absolute)
    escaped = np.asarray(pc.match_substring(names, "\\x").to_numpy(), np.bool_)
    if not escaped.any():
        return renamed
    # Only the disk tells whether such a name stands for bytes that are not UTF-8.
    places = np.flatnonzero(escaped).tolist()
    exact = [target.name_of(parts[owners[row]][0].path_of(names[row].as_py())) for row in places]
    return pa.chunked_array([pc.replace_with_mask(renamed.combine_chunks(), pa.array(escaped), pa.array(exact))])


def _shared(rows: pa.Table, renamed: pa.ChunkedArray, contents: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which rows must be decided together: those of one path or content, and copies with their originals."""
    copies = pc.equal(rows["status"], "duplicate")
    originals = pc.utf8_slice_codeunits(rows["reason"].filter(copies), len(COPY_OF)).combine_chunks()
    found = pc.or_(copies, pc.is_in(rows["path"], value_set=originals))
    for column in (renamed, contents):
        counts = pc.value_counts(column.drop_null())
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        found = pc.or_(found, pc.is_in(column, value_set=several))
    return np.asarray(found.to_numpy(), np.bool_)


def _with_names(rows: pa.Table, renamed: pa.ChunkedArray, identified: pa.ChunkedArray) -> pa.Table:
    """Return rows with their new paths, and with identifiers that follow from them where no content gave one."""
    nameless = np.flatnonzero(~identified.to_numpy())
    ids = rows["source_id"]
    if len(nameless):
        mask = pc.invert(identified).combine_chunks()
        made = [id_of_name(name) for name in renamed.take(pa.array(nameless)).to_pylist()]
        ids = pa.chunked_array([pc.replace_with_mask(ids.combine_chunks(), mask, pa.array(made, pa.string()))])
    for name, values in (("path", renamed), ("source_id", ids)):
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    return rows


def _read_entries(
    target: Workspace,
    parts: Sequence[tuple[Workspace, Path]],
    owners: NDArray[np.int64],
    rows: pa.Table,
    wanted: NDArray[np.int64],
) -> Iterator[Entry]:
    """Yield some rows with their names in `target`."""
    listed = rows.take(pa.array(wanted)).to_pylist()
    by_workspace: dict[Workspace, list[tuple[Path, dict[str, Any]]]] = {}
    for number, row in zip(owners[wanted].tolist(), listed, strict=True):
        workspace, part = parts[number]
        by_workspace.setdefault(workspace, []).append((part, row))
    for workspace, own in by_workspace.items():
        yield from _entries(target, workspace, own)


def _entries(target: Workspace, workspace: Workspace, rows: Sequence[tuple[Path, dict[str, Any]]]) -> Iterator[Entry]:
    contents = {row["path"]: row["source_id"] for _, row in rows if row["source_id"] != id_of_name(row["path"])}
    for part, row in rows:
        name, reason = row["path"], row["reason"]
        content = contents.get(name)
        renamed = target.name_of(workspace.path_of(name))
        if row["status"] == "duplicate":
            owner = reason.removeprefix(COPY_OF)
            content = contents.get(owner)
            reason = COPY_OF + target.name_of(workspace.path_of(owner))
        row = {**row, "path": renamed, "reason": reason}
        if row["source_id"] == id_of_name(name):
            row["source_id"] = id_of_name(renamed)
        yield Entry(workspace, part, row, content)


def decide(target: Workspace, entries: Sequence[Entry]) -> list[Entry]:
    """Return one entry per file. Files with the same content become duplicates of one of them.

    An ingested file is preferred over a failed one, then a file in `target` over others, then the first path in order,
    as in an ingest.

    Args:
        target: the workspace that is being merged into.
        entries: all entries, those of `target` first.

    Raises:
        ResumeRefused: a file was ingested with two different contents.
    """
    by_name: dict[str, Entry] = {}
    for entry in entries:
        held = by_name.setdefault(entry.row["path"], entry)
        if held is entry:
            continue
        _refuse_changed(held, entry)
        if (entry.failed, entry.copy) < (held.failed, held.copy):
            by_name[entry.row["path"]] = entry
    owners: dict[str, Entry] = {}
    for entry in by_name.values():
        if entry.content is not None and not entry.copy:
            held = owners.setdefault(entry.content, entry)
            if _rank(target, entry) < _rank(target, held):
                owners[entry.content] = entry
    return [_resolved(entry, owners) for entry in by_name.values()]


def _rank(target: Workspace, entry: Entry) -> tuple[bool, bool, Path]:
    return entry.failed, entry.workspace != target, target.path_of(entry.row["path"])


def _refuse_changed(one: Entry, other: Entry) -> None:
    known = None not in (one.content, other.content) and not (one.failed or other.failed)
    if known and one.content != other.content:
        raise ResumeRefused(
            f"{one.row['path']} had different content when it was ingested in {one.workspace.root} and in "
            f"{other.workspace.root}; ingest it again in one of them with {given('overwrite', True)}"
        )


def _resolved(entry: Entry, owners: dict[str, Entry]) -> Entry:
    """Return the entry as a duplicate of the file that owns its content, unless it is the owner itself."""
    owner = owners.get(entry.content) if entry.content is not None else None
    if entry.copy and owner is None:
        # The original failed at first, and was ingested with other content later.
        reason = "it was a copy of a file that has changed; ingest again and retry failed sources"
        return replace(entry, row={**entry.row, "status": "failed", "reason": reason})
    if owner is None or owner is entry:
        return entry
    described = {column: entry.row[column] if column in _DESCRIBED else None for column in SOURCES.names}
    outcome = {
        "status": "duplicate",
        "reason": COPY_OF + owner.row["path"],
        "faces_kept": 0,
        "faces_rejected": 0,
        "faces_interpolated": 0,
    }
    return replace(entry, row={**described, "source_id": id_of_name(entry.row["path"]), **outcome})
