"""`export`: hand the faces of a dataset on in a layout that other tools read.

Every layout has a table `faces.parquet` beside it: all columns of the manifest, the part of the split, and the file and
digest of each face. A description for programs and a card for people say what it is. A stopped export continues, and a
finished one changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fertools.core import files, products
from fertools.core.arguments import given
from fertools.core.errors import InputError
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.ingestion.dataset_sources import refuse_unshareable
from fertools.ingestion.extract import flush_crops
from fertools.manifests import store
from fertools.transfer.exports.chosen_faces import ChosenFaces, choose_faces
from fertools.transfer.exports.coco_annotations import write_coco
from fertools.transfer.exports.description import ExportedFaces, describe_export
from fertools.transfer.exports.export_folder import ExportFolder
from fertools.transfer.exports.export_job import ExportJob
from fertools.transfer.exports.export_options import DatasetExportOptions
from fertools.transfer.exports.export_record import make_record, refuse_foreign_folder, refuse_other_export
from fertools.transfer.exports.exported_folders import record_export
from fertools.transfer.exports.fiftyone_labels import write_fiftyone
from fertools.transfer.exports.hub_table import write_hub_tables
from fertools.transfer.exports.image_folder import write_image_folder, write_pictures
from fertools.transfer.exports.openface_csv import write_openface
from fertools.transfer.exports.tar_samples import write_tars

_WRITERS: dict[str, Callable[[ExportJob], list[str]]] = {
    "imagefolder": write_image_folder,
    "webdataset": write_tars,
    "huggingface": write_hub_tables,
    "coco": write_coco,
    "fiftyone": write_fiftyone,
    "openface": write_openface,
    "croissant": write_pictures,
}


@dataclass(frozen=True)
class DatasetExportSummary(HtmlFields):
    """The result of an export. The exported faces and those left out are all faces of the manifest.

    Attributes:
        folder: folder of the export.
        format: format of the export.
        faces: number of exported faces.
        left_out: number of other faces of the manifest, by reason.
        parts: number of exported faces by part of the split; one part `faces` if the dataset is not split.
        written: number of files that this run wrote.
        before: number of files that were there already.
    """

    folder: Path
    format: str
    faces: int
    left_out: dict[str, int]
    parts: dict[str, int]
    written: int
    before: int


def export(
    workspace: WorkspaceLike,
    out: Path | str,
    options: DatasetExportOptions | None = None,
    report: Reporter | None = None,
) -> DatasetExportSummary:
    """Write the kept faces of a dataset in a layout of another tool.

    The parts of the split become folders or files. No person is in two of them. Names of files come from identifiers,
    and never from paths in the manifest.

    Args:
        workspace: workspace of the faces. Only its record of exports changes, in which `forget` looks.
        out: folder of the export: a new or empty one, or that of a stopped export with the same options.
        options: format and conditions; None for an ImageFolder of all kept faces.
        report: receives the progress.

    Raises:
        InputError: there is no manifest, no face meets the conditions, a crop is missing, the folder has other files,
            or the terms of a dataset forbid passing its pictures on.
        CheckFailed: a person is in two parts of the split.
        ResumeRefused: the folder has an export of other faces or with other options.
        StorageError: the disk is full or cannot be written; the same call continues.

    Example:
        >>> options = DatasetExportOptions(emotion=("anger", "fear"), test_folds=(0,))
        >>> export("my-dataset", "handed-on", options).parts
        {'test': 2, 'train': 6}
    """
    workspace, out = Workspace(workspace), Path(out).expanduser().absolute()
    options, report = options or DatasetExportOptions(), report or Silent()
    refuse_foreign_folder(workspace, out)
    if not workspace.manifest.is_file():
        store.read_faces(workspace)
    with workspace.locked("an export"):
        faces = choose_faces(workspace, options)
        if options.has_pictures:
            if not options.allow_restricted:
                refuse_unshareable(workspace, set(faces.table["dataset"].to_pylist()))
            _refuse_missing(workspace, faces)
        record = make_record(workspace, faces, options)
        if not refuse_other_export(record, out):
            record_export(workspace, out)
            record.write(out)
        products.mark(out)
        files.remove_unfinished(out)
        folder = ExportFolder(out)
        report.start(len(faces.table))
        names = _WRITERS[options.format](
            ExportJob(faces, folder, workspace.root, options.shard_faces, _counter(report))
        )
        describe_export(workspace, ExportedFaces(faces, names), folder, options)
        flush_crops()
        if folder.written:
            replace(record, finished=True).write(out)
    return DatasetExportSummary(
        folder=out,
        format=options.format,
        faces=len(faces.table),
        left_out=faces.left_out,
        parts=faces.parts,
        written=folder.written,
        before=folder.before,
    )


def _refuse_missing(workspace: Workspace, faces: ChosenFaces) -> None:
    missing = [name for name in faces.table["path"].to_pylist() if not (workspace.root / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"the crop {workspace.root / missing[0]}{more} is missing; restore it, or ingest again there with "
            f"{given('overwrite', True)}"
        )


def _counter(report: Reporter) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report.advance(done)

    return advance
