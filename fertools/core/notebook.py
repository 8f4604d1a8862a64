"""HTML tables of results for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table with all text escaped.

    Args:
        caption: caption above the table, one line.
        headings: headings of the columns.
        rows: cells in the order of `headings`; floats are shown with three decimals.

    Example:
        >>> html_table("1 face", ["score"], [[0.5]])
        '<table><caption>1 face</caption><tr><th>score</th></tr><tr><td>0.500</td></tr></table>'
    """
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def html_fields(caption: str, fields: Mapping[str, object]) -> str:
    """Return an HTML table of names and values, one pair per row.

    Args:
        caption: caption above the table, one line.
        fields: values by name.
    """
    return html_table(caption, ("", ""), fields.items())


class HtmlFields:
    """Base class of results that a notebook shows as a table of their fields."""

    def _repr_html_(self) -> str:
        fields = {name.replace("_", " "): value for name, value in vars(self).items() if not name.startswith("_")}
        return html_fields(type(self).__name__, fields)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        value = ", ".join(f"{count} {name}" for name, count in value.items())
    return html.escape(f"{value:.3f}" if isinstance(value, float) else str(value))
