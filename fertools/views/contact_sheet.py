"""Draw face crops in rows: a contact sheet of chosen faces, and a track as a film strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont

from fertools.core import files, products
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.views.conditions import FaceConditions
from fertools.views.track_faces import read_track

_CAPTION_PX, _GAP_PX, _EDGE_PX = 30, 6, 14
_COLUMNS = (
    *("emotion", "subject_id", "source_id", "frame_index", "path", "reason", "valence", "arousal"),
    *("interpolated", "status"),
)


@dataclass(frozen=True)
class ContactSheetOptions:
    """Options of a contact sheet or a film strip.

    Attributes:
        faces: maximum number of faces, evenly spaced over the sorted faces.
        columns: number of faces per row.
        cell_px: side of a face in pixels.
    """

    faces: int = 70
    columns: int = 10
    cell_px: int = 112

    def __post_init__(self) -> None:
        if min(self.faces, self.columns, self.cell_px) < 1:
            raise InputError("a contact sheet needs at least one face, one column and one pixel")


def draw_contact_sheet(
    workspace: WorkspaceLike,
    path: Path | str,
    conditions: FaceConditions | None = None,
    options: ContactSheetOptions | None = None,
) -> int:
    """Write a contact sheet as a PNG file and return the number of faces on it.

    Faces are sorted by emotion, subject, source and time. A missing crop is drawn as a grey cell. The caption of a
    rejected face is its reason.

    Args:
        workspace: the workspace of the faces, or the path of its folder.
        path: path of the PNG file to write.
        conditions: which faces to draw; None for all kept faces.
        options: options of the sheet; None for the defaults.

    Raises:
        InputError: there is no manifest, or no face meets the conditions.
        SchemaError: the manifest is damaged or of another schema version.
        StorageError: the file cannot be written.
    """
    workspace = Workspace(workspace)
    options, conditions = options or ContactSheetOptions(), conditions or FaceConditions()
    table = store.read_faces(workspace, tuple(dict.fromkeys((*_COLUMNS, *conditions.columns))))
    table = table.filter(pa.array(conditions.mask(table))).select(_COLUMNS)
    if not len(table):
        raise InputError(f"no face in {workspace.manifest} meets the conditions; leave one out")
    table = table.sort_by([(name, "ascending") for name in _COLUMNS[:4]])
    rows = table.take(_evenly(len(table), options.faces)).to_pylist()
    _save(_draw_sheet(workspace.root, rows, options), path)
    return len(rows)


def draw_film_strip(
    workspace: WorkspaceLike, face_id: str, path: Path | str, options: ContactSheetOptions | None = None
) -> int:
    """Write the track of a face as a film strip, a PNG file, and return the number of faces on it.

    The faces are in the order of time, row by row. Each caption holds the time and the label.

    Args:
        workspace: the workspace of the face, or the path of its folder.
        face_id: identifier of any face of the track.
        path: path of the PNG file to write.
        options: options of the strip; None for the defaults.

    Raises:
        InputError: there is no such face, or it belongs to no track.
        SchemaError: the manifest is damaged or of another schema version.
        StorageError: the file cannot be written.
    """
    workspace, options = Workspace(workspace), options or ContactSheetOptions()
    rows = read_track(workspace, face_id)
    chosen = [rows[place] for place in _evenly(len(rows), options.faces)]
    _save(_draw_strip(workspace.root, chosen, options), path)
    return len(chosen)


def _evenly(count: int, most: int) -> list[int]:
    places: list[int] = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
    return places


def _save(sheet: Image.Image, path: Path | str) -> None:
    with files.replacing(Path(path)) as temporary:
        sheet.save(temporary, format="PNG", pnginfo=products.png_metadata())


def _draw_sheet(root: Path, rows: Sequence[dict[str, Any]], options: ContactSheetOptions) -> Image.Image:
    cell, font = options.cell_px, ImageFont.load_default(11)
    across = min(options.columns, len(rows))
    down = -(-len(rows) // across)
    step_x, step_y = cell + _GAP_PX, cell + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (across * step_x + _GAP_PX, down * step_y + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows):
        x, y = _GAP_PX + place % across * step_x, _GAP_PX + place // across * step_y
        sheet.paste(_face(root, row["path"], cell), (x, y))
        for line, words in enumerate((_label(row), row["subject_id"] or "unknown")):
            pen.text((x, y + cell + 1 + 13 * line), words[: cell // 6], fill="black", font=font)
    return sheet


def _draw_strip(root: Path, rows: Sequence[dict[str, Any]], options: ContactSheetOptions) -> Image.Image:
    cell, font = options.cell_px, ImageFont.load_default(11)
    across = min(options.columns, len(rows))
    down = -(-len(rows) // across)
    film = cell + _CAPTION_PX + 2 * _EDGE_PX
    step_x, step_y = cell + _GAP_PX, film + _GAP_PX
    strip = Image.new("RGB", (across * step_x + _GAP_PX, down * step_y - _GAP_PX), "white")
    pen = ImageDraw.Draw(strip)
    for line in range(down):
        filled = min(across, len(rows) - line * across) * step_x + _GAP_PX
        top = line * step_y
        pen.rectangle((0, top, filled - 1, top + film - 1), fill=(22, 22, 24))
        for x in range(_GAP_PX, filled - 8, 16):
            for y in (top + 4, top + film - 10):
                pen.rounded_rectangle((x, y, x + 7, y + 6), 2, fill="white")
    for place, row in enumerate(rows):
        x, y = _GAP_PX + place % across * step_x, place // across * step_y + _EDGE_PX
        strip.paste(_face(root, row["path"], cell), (x, y))
        time = f"frame {row['frame_index']}" if row["pts_s"] is None else f"{row['pts_s']:.2f} s"
        for line, words in enumerate((time, _label(row))):
            pen.text((x, y + cell + 2 + 13 * line), words[: cell // 6], fill=(235, 235, 235), font=font)
    return strip


def _face(root: Path, path: str | None, cell: int) -> Image.Image:
    try:
        with Image.open(root / (path or "")) as picture:
            return picture.convert("RGB").resize((cell, cell), Image.Resampling.LANCZOS)
    except OSError:
        missing = Image.new("RGB", (cell, cell), "lightgrey")
        ImageDraw.Draw(missing).text((4, 4), "crop missing", fill="black")
        return missing


def _label(row: dict[str, Any]) -> str:
    if row["reason"]:
        return str(row["reason"])
    words = row["emotion"] or "no label"
    if row["interpolated"]:
        words = f"interpolated {words}"
    return words if row["valence"] is None else f"{words} {row['valence']:+.1f} {row['arousal']:+.1f}"
