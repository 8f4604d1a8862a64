"""Draw a contact sheet: a grid of face crops, each with its label as a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fertools.core import files, products
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store

_CAPTION_PX, _GAP_PX = 30, 6


@dataclass(frozen=True)
class ContactSheetOptions:
    """Options of a contact sheet.

    Attributes:
        faces: maximum number of faces, evenly spaced over the sorted dataset.
        columns: number of faces per row.
        cell_px: side of a face in pixels.
        rejected: draw rejected faces with their reasons instead of kept faces with their labels.
    """

    faces: int = 70
    columns: int = 10
    cell_px: int = 112
    rejected: bool = False

    def __post_init__(self) -> None:
        if min(self.faces, self.columns, self.cell_px) < 1:
            raise InputError("a contact sheet needs at least one face, one column and one pixel")


def draw_contact_sheet(workspace: WorkspaceLike, path: Path | str, options: ContactSheetOptions | None = None) -> int:
    """Write a contact sheet as a PNG file and return the number of faces on it.

    Faces are sorted by emotion, subject, source and time. A missing crop is drawn as a grey cell.

    Args:
        workspace: the workspace of the faces.
        path: path of the PNG file to write.
        options: options of the sheet; None for the defaults.

    Raises:
        InputError: there is no manifest, or it has no face of the wanted status.
    """
    workspace = Workspace(workspace)
    path = Path(path)
    options = options or ContactSheetOptions()
    status = "rejected" if options.rejected else "kept"
    columns = (
        "emotion",
        "subject_id",
        "source_id",
        "frame_index",
        "path",
        "reason",
        "valence",
        "arousal",
        "interpolated",
    )
    table = store.read_faces(workspace, columns, filters=[("status", "=", status)])
    if not len(table):
        raise InputError(f"there is no {status} face in {workspace.manifest} to draw")
    order = [(name, "ascending") for name in columns[:4]]
    table = table.sort_by(order)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(options.faces, len(table))).round().astype(int))
    sheet = _draw(workspace.root, table.take(chosen).to_pylist(), options)
    with files.replacing(path) as temporary:
        sheet.save(temporary, format="PNG", pnginfo=products.png_metadata())
    return len(chosen)


def _draw(root: Path, rows: Sequence[dict[str, Any]], options: ContactSheetOptions) -> Image.Image:
    cell, font = options.cell_px, ImageFont.load_default(11)
    across = min(options.columns, len(rows))
    down = -(-len(rows) // across)
    step_x, step_y = cell + _GAP_PX, cell + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (across * step_x + _GAP_PX, down * step_y + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows):
        x, y = _GAP_PX + place % across * step_x, _GAP_PX + place // across * step_y
        sheet.paste(_face(root, row["path"], cell), (x, y))
        for line, words in enumerate(_caption(row)):
            pen.text((x, y + cell + 1 + 13 * line), words[: cell // 6], fill="black", font=font)
    return sheet


def _face(root: Path, path: str | None, cell: int) -> Image.Image:
    try:
        with Image.open(root / (path or "")) as picture:
            return picture.convert("RGB").resize((cell, cell), Image.Resampling.LANCZOS)
    except OSError:
        missing = Image.new("RGB", (cell, cell), "lightgrey")
        ImageDraw.Draw(missing).text((4, 4), "crop missing", fill="black")
        return missing


def _caption(row: dict[str, Any]) -> tuple[str, str]:
    words = row["reason"] or row["emotion"] or "no label"
    if row["interpolated"] and not row["reason"]:
        words = f"interpolated {words}"
    if row["valence"] is not None and not row["reason"]:
        words += f" {row['valence']:+.1f} {row['arousal']:+.1f}"
    return words, row["subject_id"] or "unknown"
