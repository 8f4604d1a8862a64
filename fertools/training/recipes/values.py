"""Values of recipe keys: their bounds, their check, and how they are written."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.core.toml import shown

LARGEST = 2**63 - 1
"""The largest whole number that a key may have: the largest int64."""


def bounded(least: float | None = None, most: float | None = None) -> Any:
    """Return a dataclass field for a number from `least` to `most`, inclusive.

    Args:
        least: smallest allowed value; None for no bound.
        most: largest allowed value; None for no bound.
    """
    return dataclasses.field(metadata={"least": least, "most": most})


def check_value(name: str, value: Any, hint: Any, kind: type[Any], where: str) -> Any:
    """Return `value` converted to the type of its key.

    Args:
        name: name of the key.
        value: value from a file or an override.
        hint: type of the key.
        kind: recipe class, whose field has the bounds.
        where: source of the value, for the message.

    Raises:
        RecipeError: the value has another type or is out of range.
    """
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = [str(choice) for choice in get_args(hint)]
            near = nearest(value, choices) if isinstance(value, str) else ""
            raise RecipeError(f"{name} in {where} is {shown(value)}{near}; choose one of {', '.join(choices)}")
        return value
    if get_origin(hint) is tuple:
        values = value if isinstance(value, list | tuple) else [value]
        if not all(type(item) is int and 0 <= item <= LARGEST for item in values) or len(set(values)) < len(values):
            raise RecipeError(f"{name} in {where} is {shown(value)}; give whole numbers from 0, each once, as [0, 3]")
        if not values:
            raise RecipeError(f"{name} in {where} is empty; give at least one whole number from 0, as [0]")
        return tuple(sorted(values))
    if hint is bool:
        if not isinstance(value, bool):
            raise RecipeError(f"{name} in {where} is {shown(value)}; write true or false")
        return value
    if isinstance(value, int) and abs(value) > LARGEST:
        raise RecipeError(f"{name} in {where} is {shown(value)}; give a number of at most 18 digits")
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        kinds = {int: "a whole number", float: "a number", str: "text"}
        raise RecipeError(f"{name} in {where} is {shown(value)}; give {kinds[hint]}")
    if hint is str:
        return value
    limits = next(item.metadata for item in dataclasses.fields(kind) if item.name == name)
    least, most = limits.get("least"), limits.get("most")
    # The comparisons are negated, so that NaN is refused.
    if not ((least is None or value >= least) and (most is None or value <= most) and value - value == 0):
        span = f"from {least} to {most}" if most is not None else f"{least} or more"
        raise RecipeError(f"{name} in {where} is {value}; give {span}")
    return value


def write_value(value: object) -> str:
    """Return a value as text for a recipe file or `--set`.

    Example:
        >>> write_value(True), write_value(1e-4), write_value("cin")
        ('true', '0.0001', 'cin')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
