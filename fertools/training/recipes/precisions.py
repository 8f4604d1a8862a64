"""The numeric precision of a network, and of single parts of a step."""

from __future__ import annotations

from collections.abc import Iterable

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest

PRECISIONS = ("float32", "bf16", "fp16")
"""Precisions that networks can run in."""


def read_precisions(text: str, parts: Iterable[str]) -> dict[str, str]:
    """Return the precision by part, from text such as `penalty=float32,discriminator=fp16`.

    Args:
        text: value of the key `precision_parts`; empty for none.
        parts: known names of parts.

    Raises:
        RecipeError: a part or a precision is unknown.

    Example:
        >>> read_precisions("penalty=float32", ("generator", "penalty"))
        {'penalty': 'float32'}
    """
    found: dict[str, str] = {}
    known = tuple(parts)
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, _, precision = (part.strip() for part in item.partition("="))
        if name not in known:
            raise RecipeError(
                f"precision_parts names the part '{name}'{nearest(name, known)}; there are {', '.join(known) or 'none'}"
            )
        if precision not in PRECISIONS:
            raise RecipeError(f"precision_parts gives {name} '{precision}'; choose one of {', '.join(PRECISIONS)}")
        found[name] = precision
    return found
