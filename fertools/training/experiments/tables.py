"""Reading the tables of an experiment's file, with messages that say where a mistake is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fertools.core.errors import InputError, RecipeError
from fertools.core.spelling import nearest
from fertools.core.toml import table_in


def check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raise unless all keys of a table are known.

    Raises:
        RecipeError: a key is unknown; the message suggests the nearest known one.
    """
    known = list(known)
    for name in table:
        if name not in known:
            raise RecipeError(f"'{name}' is no known key in {where}{nearest(name, known)}; known: {', '.join(known)}")


def table_of(content: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """Return the table `name` of some content; an empty table if there is none.

    Raises:
        RecipeError: it is not a table.
    """
    try:
        return table_in(content, name, where)
    except InputError as error:
        raise RecipeError(error.message) from error


def text_of(content: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    """Return the text `name` of some content.

    Raises:
        RecipeError: it is missing and has no default, or it is not a text.
    """
    value = content.get(name, default)
    if not isinstance(value, str):
        raise RecipeError(f'{where} has no {name}; write {name} = "..."')
    return value
