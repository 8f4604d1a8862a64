"""Tables of results as text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TableFormat = Literal["text", "markdown", "latex"]


@dataclass(frozen=True)
class ResultTable:
    """A table.

    Attributes:
        title: title of one line.
        head: headings of the columns.
        rows: texts of the cells, one per column; the first column names the row.
        note: explanation below the table; may be empty.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def format_table(result_table: ResultTable, form: TableFormat, width: int | None = None) -> str:
    """Return a table as text, Markdown or LaTeX, without a final line break.

    Args:
        result_table: the table.
        form: format of the result.
        width: columns of the terminal, for text: the columns of a wider table stand in several blocks, one below the
            other, and the note is wrapped. None for any width.
    """
    if form == "latex":
        return _latex(result_table)
    return _markdown(result_table) if form == "markdown" else _text(result_table, width)


def _text(result_table: ResultTable, width: int | None) -> str:
    lines = [result_table.head, *result_table.rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(result_table.head))]
    body: list[str] = []
    for block in _blocks(widths, width):
        body += [""] * bool(body)
        body += [
            "  ".join(line[index].rjust(widths[index]) if index else line[0].ljust(widths[0]) for index in block)
            for line in lines
        ]
    note = textwrap.wrap(result_table.note, width) if width else [result_table.note]
    return "\n".join([result_table.title, *(line.rstrip() for line in body), *(note if result_table.note else [])])


def _blocks(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Return the columns of each block: the first column, and as many of the others as fit."""
    if width is None:
        return [list(range(len(widths)))]
    blocks, used = [[0]], widths[0]
    for index, wanted in enumerate(widths[1:], 1):
        if used + 2 + wanted > width and len(blocks[-1]) > 1:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(index)
        used += 2 + wanted
    return blocks


def _markdown(result_table: ResultTable) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|---|" + "---:|" * (len(result_table.head) - 1)
    lines = [f"**{result_table.title}**", "", row(result_table.head), rule, *map(row, result_table.rows)]
    return "\n".join([*lines, *(["", result_table.note] if result_table.note else [])])


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


def _latex(result_table: ResultTable) -> str:
    def row(cells: Sequence[str]) -> str:
        return " & ".join(_escaped(cell) for cell in cells) + r" \\"

    caption = _escaped(f"{result_table.title}. {result_table.note}".strip())
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(result_table.head) - 1)}}}",
            r"\hline",
            row(result_table.head),
            r"\hline",
            *map(row, result_table.rows),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
