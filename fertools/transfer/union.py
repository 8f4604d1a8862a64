"""Join the sources of several workspaces: one row per file, and one original per content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fertools.core.arguments import given
from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.ingestion.plan import COPY_OF, id_of_name
from fertools.manifests import store
from fertools.manifests.schema import SOURCES

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


def read_entries(target: Workspace, workspace: Workspace) -> Iterator[Entry]:
    """Yield the committed sources of `workspace` with their names in `target`.

    Raises:
        SchemaError: a part has another schema version.
    """
    rows = [
        (part, row)
        for part in sorted(workspace.parts.glob("*.sources.parquet"))
        for row in store.read_table(part, SOURCES).to_pylist()
    ]
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
