"""Read TOML; every TOML file is read here, so a mistake always gives one sentence with its location."""

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
        content: content of the file.
        place: path or address of the file, for the message.
        remedy: what the user should do with an invalid file, for the message.

    Raises:
        InputError: the content is not valid TOML in UTF-8; the message contains the line.
    """
    # Numbers with thousands of digits and deep brackets raise other errors than TOMLDecodeError.
    with reading(place, "is not valid TOML", remedy):
        return tomllib.loads(content.decode())


def table_in(content: Mapping[str, Any], name: str, where: object) -> dict[str, Any]:
    """Return a table of parsed TOML, or an empty table if it is missing.

    Args:
        content: the surrounding table.
        name: key of the table.
        where: name of the file or of the surrounding table, for the message.

    Raises:
        InputError: the value of the key is not a table.

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
    """Return a required string of parsed TOML.

    Raises:
        InputError: the string is missing or empty, or the value is not a string.
    """
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f'{where} has no {name}; write {name} = "..."')
    return value


def shown(value: object) -> str:
    """Return the text of a value for a message, shortened and on one line.

    Example:
        >>> shown(10**400)
        'a number of 401 digits'
    """
    if isinstance(value, int) and abs(value) >= 10**30:
        # Python refuses to print even longer numbers.
        return f"a number of {_digits(value)} digits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _digits(value: int) -> int:
    digits = int(value.bit_length() * 0.30103)
    return digits + 1 if abs(value) >= 10**digits else digits
