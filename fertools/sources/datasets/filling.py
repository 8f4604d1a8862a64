"""Fill templates such as `{sex}{number}` with the values that names and tables give; `{frame:d}` drops zeros."""

from __future__ import annotations

import string
from collections.abc import Mapping

_FORMATTER = string.Formatter()


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Return a template with its values, or None if one is missing or empty.

    Args:
        template: text with names in braces. `:d` after a name reads a whole number, `:07d` writes it with seven digits.
        values: values by name.

    Example:
        >>> fill("{sex}{number:d}", {"sex": "F", "number": "07"})
        'F7'
    """
    text = ""
    for literal, name, spec, _ in _FORMATTER.parse(template):
        text += literal
        if name is None:
            continue
        value = values.get(name)
        if not value:
            return None
        try:
            text += format(int(float(value)), spec) if spec else value
        except ValueError:
            return None
    return text


def names_in(template: str) -> set[str]:
    """Return the names that a template needs.

    Raises:
        ValueError: a brace is not closed.
    """
    return {name for _, name, _, _ in _FORMATTER.parse(template) if name is not None}
