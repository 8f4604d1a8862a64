"""Read one cell of a table that a spreadsheet, pandas, Parquet or an annotation tool wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

EMPTY = frozenset({"", "nan", "-nan", "none", "null", "na", "n/a", "#n/a", "<na>", "nat"})
"""Words in lower case that programs write for an empty cell."""
_LONGEST = max(map(len, EMPTY))
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def read_cell(value: object) -> str:
    """Return the text of a cell, "" if it is empty.

    Whole numbers have no decimals, because programs convert a column of integers with gaps to floats. Other numbers
    have the fewest digits that restore their value.

    Example:
        >>> [read_cell(value) for value in (" anna ", "3.0", 3.0, "3.10", "NaN", None, float("nan"))]
        ['anna', '3', '3', '3.10', '', '', '']
    """
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else np.format_float_positional(value, trim="-")
    text = str(value).strip()
    if len(text) <= _LONGEST and text.lower() in EMPTY:
        return ""
    if text.endswith("0") and (whole := _WHOLE.fullmatch(text)):
        return whole[1]
    return text


def composed(text: str) -> str:
    """Return `text` in Unicode form NFC, so that equal texts compare equal; macOS writes another form."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def find_lookalikes(names: Iterable[str]) -> tuple[str, ...]:
    """Return groups of names that differ only in case or Unicode form, such as `Anna / anna`; they may mean the same.

    Example:
        >>> find_lookalikes(["anna", "ben", "Anna", "anna"])
        ('Anna / anna',)
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(composed(name).casefold(), set()).add(name)
    return tuple(" / ".join(sorted(group)) for _, group in sorted(groups.items()) if len(group) > 1)
