"""Sample grids: a row per face with its translations, column headings and row labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fertools.core import products

Pixels = NDArray[np.uint8]

_GAP_PX, _LABEL_PX, _HEAD_PX, _MARGIN_PX = 4, 120, 26, 12
_LEAST_CELL_PX = 96
_INK, _FAINT, _PAPER = (34, 34, 34), (110, 110, 110), (255, 255, 255)


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns.

    Attributes:
        columns: headings of the columns.
        rows: labels of the rows. A line break separates two lines, and a long line is shortened.
        cells: for each row, one SxSx3 uint8 image per column.
    """

    columns: Sequence[str]
    rows: Sequence[str]
    cells: Sequence[Sequence[Pixels]]


def draw_grids(grids: Sequence[Grid]) -> bytes:
    """Return a PNG with the grids one below another, with headings and labels.

    Small faces are enlarged by a whole factor without smoothing, which shows the generated pixels.
    """
    sheets = [_draw(grid) for grid in grids]
    size = (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets))
    whole = Image.new("RGB", size, _PAPER)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    stream = io.BytesIO()
    whole.save(stream, "PNG", optimize=True, pnginfo=products.png_metadata())
    return stream.getvalue()


def _draw(grid: Grid) -> Image.Image:
    columns, rows, cells = grid.columns, grid.rows, grid.cells
    side = cells[0][0].shape[0]
    factor = -(-_LEAST_CELL_PX // side)
    step = side * factor + _GAP_PX
    # A wider gap separates the input in the first column from the translations.
    lefts = [_LABEL_PX + index * step + (2 * _GAP_PX if index else 0) for index in range(len(columns))]
    size = (lefts[-1] + step + _MARGIN_PX, _HEAD_PX + len(rows) * step + _MARGIN_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for left, heading in zip(lefts, columns, strict=True):
        draw.text((left + side * factor / 2, _HEAD_PX - 6), heading, fill=_INK, font=font, anchor="ms")
    for index, (words, line) in enumerate(zip(rows, cells, strict=True)):
        top = _HEAD_PX + index * step
        label = "\n".join(_fitted(part, font) for part in words.split("\n"))
        draw.multiline_text(
            (_LABEL_PX - 8, top + side * factor / 2), label, fill=_FAINT, font=font, anchor="rm", align="right"
        )
        for left, cell in zip(lefts, line, strict=True):
            large = cell.repeat(factor, axis=0).repeat(factor, axis=1)
            sheet.paste(Image.fromarray(large), (left, top))
    return sheet


def _fitted(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return a label that fits before a row, shortened with an ellipsis if it is too long."""
    room_px = _LABEL_PX - 12
    if font.getlength(words) <= room_px:
        return words
    while words and font.getlength(words + "…") > room_px:
        words = words[:-1]
    return words + "…"
