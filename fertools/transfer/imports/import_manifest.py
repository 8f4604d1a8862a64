"""`import_manifest`: make a dataset of the faces of an export, the way back of `fertools.transfer.exports`.

The rows come back as they were: every column of the manifest, and every crop to the byte. Crops are written first and
the part is committed last, so a stopped import leaves nothing that counts, and the same call continues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.core import files
from fertools.core.arguments import argument
from fertools.core.errors import InputError, MachineError, ResumeRefused
from fertools.core.hashing import hash_bytes
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.dataset_sources import SECTION as TERMS
from fertools.ingestion.extract import flush_crops
from fertools.ingestion.frame_selection import rebuild_selected
from fertools.ingestion.ingest import open_for_writing
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.manifests.tombstones import read_tombstones
from fertools.manifests.track_invariants import lost_between
from fertools.manifests.validation import check
from fertools.manifests.validation_context import ValidationContext
from fertools.transfer.exports.export_record import read_record
from fertools.transfer.imports.exported_pictures import is_sound, read_pictures
from fertools.transfer.imports.exported_table import read_exported, sources_of
from fertools.transfer.obedience import filter_forgotten

_PROTOCOL = ("fold", "split", "weight")
_AFTERWARDS = ("crop-exists",)
"""Invariants of the pictures, which are checked one by one."""


@dataclass(frozen=True)
class ManifestImportSummary(HtmlFields):
    """The result of an import. The imported faces, those left out and the damaged ones are all faces of the export.

    Attributes:
        faces: number of faces that are in the dataset now.
        new: number of those that this run added.
        sources: number of their videos and pictures.
        left_out: number of other faces of the export, by reason.
        damaged: identifiers of faces whose picture is missing, or is not the one that was exported.
    """

    faces: int
    new: int
    sources: int
    left_out: dict[str, int]
    damaged: tuple[str, ...]


def import_manifest(
    folder: Path | str, workspace: WorkspaceLike, report: Reporter | None = None
) -> ManifestImportSummary:
    """Make a dataset of an export of `fertools.export` with pictures, or add it to one.

    Every row comes back with all columns of the manifest, and every crop to the byte. Each picture is compared with
    its digest. What the workspace has forgotten stays out. The terms of the datasets come along.

    Args:
        folder: folder of the export, in any format with pictures. It is not changed.
        workspace: workspace to write to; it may have other faces with crops of the same template and size.
        report: receives the progress.

    Raises:
        InputError: the folder has no export with pictures, its rows break an invariant of the manifest, no face can be
            imported, or another command is running.
        SchemaError: the table of the export is damaged, or has an identifier that fertools does not write.
        ResumeRefused: the crops of the workspace have another template or size.
        StorageError: the disk is full or cannot be written; the same call continues.

    Example:
        >>> from fertools.transfer.exports.export import export
        >>> exported = export("my-dataset", "exported")
        >>> summary = import_manifest("exported", "taken-back")
        >>> summary.faces == exported.faces, summary.damaged
        (True, ())
    """
    folder, workspace = Path(folder).expanduser().absolute(), Workspace(workspace)
    report = report or Silent()
    if folder.is_file():
        raise InputError(
            f"{folder} is a file; give the folder of an export, or read a table with `fertools ingest --table`"
        )
    table = read_exported(folder)
    open_for_writing(workspace)
    with workspace.locked("an import"):
        name = hash_bytes(b"imported", *(face.encode() for face in table["face_id"].to_pylist()))
        before = _committed(workspace, name)
        chosen, left_out = _choose(workspace, table, before)
        faces = chosen.select(FACES.names)
        _refuse_invalid(workspace, faces, folder)
        _refuse_other_crops(workspace, faces)
        damaged: list[str] = []
        if len(faces):
            damaged = _write_crops(workspace, folder, chosen, report)
            faces = nested.keep(faces, pc.invert(pc.is_in(faces["face_id"], value_set=pa.array(damaged, pa.string()))))
        _save_terms(workspace, folder)
        if len(faces):
            flush_crops()
            whole = pa.concat_tables([before, faces])
            store.commit_part(workspace, name, whole, sources_of(whole))
        if len(faces) or not workspace.manifest.is_file():
            rebuild_selected(workspace)
    here = left_out.pop(_HERE, 0)
    if not len(faces) and not here and not damaged:
        raise InputError(f"no face of {folder} can be imported: {_counts(left_out)}; import another export")
    sources = set(faces["source_id"].to_pylist())
    return ManifestImportSummary(len(faces) + here, len(faces), len(sources), left_out, tuple(sorted(damaged)))


_HERE = "here already"


def _committed(workspace: Workspace, name: str) -> pa.Table:
    """Return the faces that an earlier import of the same export has committed."""
    if not (workspace.parts / f"{name}.sources.parquet").is_file():
        return FACES.arrow.empty_table()
    return store.read_table(workspace.parts / f"{name}.faces.parquet", FACES)


def _choose(workspace: Workspace, table: pa.Table, before: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """Return the rows to import, and the number of others by reason."""
    left_out: dict[str, int] = {}

    def leave(reason: str, mask: Any) -> None:
        nonlocal table
        gone = np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), bool)
        if gone.any():
            left_out[reason] = int(gone.sum())
            table = nested.keep(table, ~gone)

    # A generated face belongs to a training run, which an export does not have.
    leave("generated", pc.is_valid(table["parent_id"]))
    kept = filter_forgotten(table.select(FACES.names), sources_of(table), read_tombstones(workspace))[0]
    leave("forgotten", pc.invert(pc.is_in(table["face_id"], value_set=kept["face_id"].combine_chunks())))
    if workspace.manifest.is_file():
        known = store.read_faces(workspace, ("face_id",))["face_id"].combine_chunks()
        leave(_HERE, pc.is_in(table["face_id"], value_set=known))
        others = set(store.read_sources(workspace, ("source_id",))["source_id"].to_pylist())
        others -= set(before["source_id"].to_pylist())
        leave(
            "of a video or picture that is here already",
            pc.is_in(table["source_id"], value_set=pa.array(sorted(others), pa.string())),
        )
    lost = lost_between(_context(workspace, table.select(FACES.names)))
    leave(
        "interpolated from faces that were not exported",
        pc.is_in(table["face_id"], value_set=pa.array(lost, pa.string())),
    )
    folds = set(table["fold"].to_pylist()) - {None}
    if folds and folds != set(range(max(folds) + 1)):
        # Folds of a part of a dataset are no protocol.
        for name in _PROTOCOL:
            field = FACES.arrow.field(name)
            place = table.schema.get_field_index(name)
            table = table.set_column(place, field, pa.nulls(len(table), field.type))
    return table, left_out


def _context(workspace: Workspace, faces: pa.Table) -> ValidationContext:
    return ValidationContext.of_tables(workspace, faces, sources_of(faces), load_lexicon(workspace.root).labels)


def _refuse_invalid(workspace: Workspace, faces: pa.Table, folder: Path) -> None:
    """Raise InputError if the rows break an invariant of the manifest."""
    broken = [one for one in check(_context(workspace, faces)).violations if one.invariant not in _AFTERWARDS]
    if broken:
        raise InputError(f"{folder} cannot be imported: {broken[0].message}; correct the dataset and export again")


def _refuse_other_crops(workspace: Workspace, faces: pa.Table) -> None:
    """Raise ResumeRefused if the workspace has crops of another template or size, which training cannot mix."""
    if not workspace.manifest.is_file():
        return
    columns = ("template", "size_px")
    here, new = (
        {tuple(row.values()) for row in one.select(columns).to_pylist() if row["size_px"] is not None}
        for one in (store.read_faces(workspace, columns), faces)
    )
    if here and new - here:
        raise ResumeRefused(
            f"{workspace.root} has crops of {_described(here)}, and the export of {_described(new)}; give another "
            f"{argument('workspace')}"
        )


def _write_crops(workspace: Workspace, folder: Path, table: pa.Table, report: Reporter) -> list[str]:
    """Write the crops, and return the identifiers of faces without a sound picture."""
    columns = ("face_id", "path", "size_px", "file", "sha256")
    rows = {row["face_id"]: row for row in table.select(columns).to_pylist()}
    by_file: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for face, row in rows.items():
        if not _is_there(workspace, row):
            by_file[row["file"] or ""][face] = row
    done = len(rows) - sum(map(len, by_file.values()))
    report.start(len(rows))
    damaged = []
    for name, faces in sorted(by_file.items()):
        missing = set(faces)
        try:
            for face, content in read_pictures(folder, name, {one: _suffix(row) for one, row in faces.items()}):
                row = faces[face]
                if face in missing and is_sound(content, row["sha256"], row["size_px"]):
                    files.write_bytes(workspace.root / row["path"], content, flush=False)
                    missing.discard(face)
        except MachineError:
            raise
        except InputError as error:
            report.note(str(error))
        damaged += sorted(missing)
        done += len(faces)
        report.advance(done)
    return damaged


def _is_there(workspace: Workspace, row: Mapping[str, Any]) -> bool:
    """Return whether a stopped import wrote the crop already."""
    path = workspace.root / row["path"]
    return path.is_file() and is_sound(path.read_bytes(), row["sha256"], row["size_px"])


def _save_terms(workspace: Workspace, folder: Path) -> None:
    """Take over the terms of the datasets, so that a later export obeys them. What is known here stays."""
    terms = (read_record(folder) or {}).get("terms", {})
    if isinstance(terms, dict) and terms:
        known = workspace.settings().get(TERMS, {})
        taken = {str(name): dict(one) for name, one in terms.items() if isinstance(one, dict)}
        workspace.save_settings(TERMS, {**taken, **known})


def _suffix(row: Mapping[str, Any]) -> str:
    return PurePosixPath(row["path"]).suffix


def _described(kinds: set[tuple[Any, ...]]) -> str:
    return " and ".join(sorted(f"{template or 'no template'} with {size} px" for template, size in kinds))


def _counts(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has none"
