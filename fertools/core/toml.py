"""Reading TOML: every file and setting comes through here, so that a mistake is one sentence with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fertools.core.errors import InputError
from fertools.core.explain import reading


def parse_toml(content: bytes, place: Path | str, remedy: str = "correct it or remove it") -> dict[str, Any]:
    """Return the parsed content of a TOML file.

    Args:
        content: of the file.
        place: its path or address, for the message.
        remedy: what to do if it is wrong, for the message.

    Raises:
        InputError: it is not valid TOML in UTF-8; the message has the line.
    """
    # Numbers of thousands of digits and brackets without end raise errors of their own.
    with reading(place, "is not valid TOML", remedy):
        return tomllib.loads(content.decode())


def table_in(content: Mapping[str, Any], name: str, where: object) -> dict[str, Any]:
    """Return a table of parsed TOML, empty if it is not there.

    Args:
        content: the table that it is in.
        name: its key.
        where: the file or the table around it, for the message.

    Raises:
        InputError: there is something else under that key.

    Example:
        >>> table_in({"points": 1}, "points", "circumplex.toml")
        Traceback (most recent call last):
        fertools.core.errors.InputError: points in circumplex.toml is 1; write a table, as [points]
    """
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"{name} in {where} is {shown(table)}; write a table, as [{name}]")
    return table


def text_in(content: Mapping[str, Any], name: str, where: object) -> str:
    """Return a text of parsed TOML that has to be there.

    Raises:
        InputError: it is missing, empty or something else.
    """
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f'{where} has no {name}; write {name} = "..."')
    return value


def shown(value: object) -> str:
    """Return a value for a message: shortened, on one line.

    Example:
        >>> shown(10**400)
        'a number of 401 digits'
    """
    if isinstance(value, int) and abs(value) >= 10**30:
        # Python refuses to write numbers out that are longer still.
        return f"a number of {_digits(value)} digits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _digits(value: int) -> int:
    digits = int(value.bit_length() * 0.30103)
    return digits + 1 if abs(value) >= 10**digits else digits
