"""The record of an export, `export.json` in its folder: what it holds, and whether it is finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.hashing import fingerprint
from fertools.core.products import MARKER
from fertools.core.workspace import PRODUCT_FOLDERS, Workspace
from fertools.ingestion.dataset_sources import SECTION as TERMS_SECTION
from fertools.manifests import store
from fertools.transfer.exports.chosen_faces import ChosenFaces
from fertools.transfer.exports.export_options import DatasetExportOptions

RECORD_NAME = "export.json"
"""Name of the file of the record."""
_TERMS = ("licence", "may_share", "cite")
_REMEDY = "remove the folder and export again"


@dataclass(frozen=True)
class ExportRecord:
    """What an export holds.

    Attributes:
        format: its format.
        digest: digest of the faces with all their columns, the options, and the options of the ingest.
        parts: number of faces of each part.
        classes: labels in the order of their numbers.
        left_out: number of faces of the manifest that were not exported, by reason.
        terms: licence, permission to pass pictures on, and work to cite, by dataset, where they are recorded.
        finished: whether every file is there.
    """

    format: str
    digest: str
    parts: dict[str, int]
    classes: tuple[str, ...]
    left_out: dict[str, int]
    terms: dict[str, dict[str, Any]]
    finished: bool = False

    def write(self, root: Path) -> None:
        """Write the record into the folder of the export."""
        files.write_json(root / RECORD_NAME, asdict(self))


def make_record(workspace: Workspace, faces: ChosenFaces, options: DatasetExportOptions) -> ExportRecord:
    """Return the record of an export that begins.

    Args:
        workspace: workspace of the faces.
        faces: the faces.
        options: options of the export.
    """
    shaping = {name: value for name, value in asdict(options).items() if name != "allow_restricted"}
    content = [
        json.loads(json.dumps(shaping)),
        workspace.settings().get("ingest", {}),
        store.fingerprint(faces.table, faces.table.column_names),
        faces.classes,
    ]
    exported = set(faces.table["dataset"].to_pylist())
    terms = {
        name: {key: record[key] for key in _TERMS if key in record}
        for name, record in workspace.settings().get(TERMS_SECTION, {}).items()
        if name in exported
    }
    return ExportRecord(options.format, fingerprint(content), faces.parts, faces.classes, faces.left_out, terms)


def refuse_foreign_folder(workspace: Workspace, root: Path) -> None:
    """Raise InputError unless an export may use a folder: it is missing, empty, or has an export.

    Args:
        workspace: workspace of the faces, whose own folders are no place for an export.
        root: the folder.

    Raises:
        InputError: the folder is a file, has other files, or belongs to the workspace.
    """
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file; give a folder for the export")
    own = {workspace.root, *(workspace.root / name for name in PRODUCT_FOLDERS)}
    if root.resolve() in own or any(root.resolve().is_relative_to(folder) for folder in own - {workspace.root}):
        raise InputError(f"{root} belongs to the workspace; give another folder for the export")
    if root.is_dir() and not (root / RECORD_NAME).is_file():
        others = [path.name for path in root.iterdir() if path.name != MARKER and not _is_unfinished(path)]
        if others:
            raise InputError(f"{root} has other files, such as {min(others)}; give an empty folder for the export")


def refuse_other_export(record: ExportRecord, root: Path) -> bool:
    """Return whether a folder has the same export, finished or not; raise if it has another one.

    Args:
        record: the export that begins.
        root: its folder.

    Raises:
        InputError: the record in the folder cannot be read.
        ResumeRefused: it is another one.
    """
    before = read_record(root)
    if before is not None and before.get("digest") != record.digest:
        what = "in another format" if before.get("format") != record.format else "of other faces or with other options"
        raise ResumeRefused(f"{root} has an export {what}; give another folder, or remove this one first")
    return before is not None


def read_record(root: Path) -> dict[str, Any] | None:
    """Return the content of the record in a folder; None if there is none.

    Raises:
        InputError: it is damaged.
    """
    try:
        content = json.loads((root / RECORD_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{root / RECORD_NAME} cannot be read ({error}); remove the folder and export again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{root / RECORD_NAME} holds no record of an export; remove the folder and export again")
    return content


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(files.TEMPORARY_PREFIX)
