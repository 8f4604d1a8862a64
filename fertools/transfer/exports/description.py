"""What is written beside every layout: the table of the faces, the description for programs, the card for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from fertools.core.workspace import Workspace
from fertools.transfer.exports.card_text import CARD_NAME, write_card_text
from fertools.transfer.exports.chosen_faces import ChosenFaces
from fertools.transfer.exports.croissant import CROISSANT_NAME, PictureFiles, describe_croissant, digest_file
from fertools.transfer.exports.dataset_card import make_card
from fertools.transfer.exports.export_folder import ExportFolder
from fertools.transfer.exports.export_options import DatasetExportOptions

TABLE_NAME = "faces.parquet"
"""Name of the table beside every layout."""
_KINDS = {"webdataset": "tars", "huggingface": "tables"}


@dataclass(frozen=True)
class ExportedFaces:
    """The faces of an export with the file of each one.

    Attributes:
        faces: the faces.
        files: path of the file of each face below the export, in the order of the table.
    """

    faces: ChosenFaces
    files: list[str]

    def table(self, workspace: Workspace, *, has_pictures: bool) -> pa.Table:
        """Return the faces with `file` and `sha256`, the digest of the picture.

        Args:
            workspace: workspace with the pictures.
            has_pictures: whether the export has them; without, the digests are null.
        """
        table = self.faces.table.append_column("file", pa.array(self.files, pa.string()))
        names = table["path"].to_pylist() if has_pictures else []
        digests = [digest_file(workspace.root / name) for name in names]
        column = pa.array(digests, pa.string()) if has_pictures else pa.nulls(len(table), pa.string())
        return table.append_column("sha256", column)


def describe_export(
    workspace: Workspace, exported: ExportedFaces, folder: ExportFolder, options: DatasetExportOptions
) -> None:
    """Write the table, the description and the card of an export, unless they are there.

    Args:
        workspace: workspace of the faces.
        exported: the faces.
        folder: folder of the export, with all other files.
        options: options of the export.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    with folder.writing(TABLE_NAME) as temporary:
        if temporary is not None:
            pq.write_table(exported.table(workspace, has_pictures=options.has_pictures), temporary)
    documents = list(folder.documents)
    card = make_card(workspace, exported.faces, options)
    with folder.writing(CROISSANT_NAME) as temporary:
        if temporary is not None:
            schema = pq.read_schema(folder.root / TABLE_NAME)
            pictures = _pictures(exported, options) if options.has_pictures else None
            content = describe_croissant(card, folder.root, documents, TABLE_NAME, schema, pictures)
            temporary.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    with folder.writing(CARD_NAME) as temporary:
        if temporary is not None:
            temporary.write_text(write_card_text(card), encoding="utf-8")


def _pictures(exported: ExportedFaces, options: DatasetExportOptions) -> PictureFiles:
    suffixes = {PurePosixPath(name).suffix for name in exported.faces.table["path"].to_pylist()}
    return PictureFiles(
        tuple(dict.fromkeys(exported.files)), _KINDS.get(options.format, "files"), tuple(sorted(suffixes))
    )
