"""Tables of results as text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Form = Literal["text", "markdown", "latex"]


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        title: one line over it.
        head: words over the columns.
        rows: as many cells each; the first column names the row.
        note: what a reader has to know to read it, or nothing.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def write_sheet(sheet: Sheet, form: Form) -> str:
    """Return a table in one of the forms, without a final line end."""
    if form == "latex":
        return _latex(sheet)
    return _markdown(sheet) if form == "markdown" else _text(sheet)


def _text(sheet: Sheet) -> str:
    lines = [sheet.head, *sheet.rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(sheet.head))]
    body = ["  ".join(_placed(cell, width, index) for index, (cell, width) in _cells(line, widths)) for line in lines]
    return "\n".join([sheet.title, *(line.rstrip() for line in body), *([sheet.note] if sheet.note else [])])


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(line, widths, strict=True)))


def _placed(cell: str, width: int, index: int) -> str:
    return cell.rjust(width) if index else cell.ljust(width)


def _markdown(sheet: Sheet) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|---|" + "---:|" * (len(sheet.head) - 1)
    lines = [f"**{sheet.title}**", "", row(sheet.head), rule, *map(row, sheet.rows)]
    return "\n".join([*lines, *(["", sheet.note] if sheet.note else [])])


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
}


def _latex(sheet: Sheet) -> str:
    def row(cells: Sequence[str]) -> str:
        return " & ".join(_escaped(cell) for cell in cells) + r" \\"

    caption = _escaped(f"{sheet.title}. {sheet.note}".strip())
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(sheet.head) - 1)}}}",
            r"\hline",
            row(sheet.head),
            r"\hline",
            *map(row, sheet.rows),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
