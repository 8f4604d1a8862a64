"""Options that select faces, which several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fertools.views.conditions import FaceConditions

Function = TypeVar("Function", bound=Callable[..., Any])


def condition_options(function: Function) -> Function:
    """Add the options that select faces; `read_conditions` takes their values."""
    listed = {
        "emotion": "Only faces with this expression; `none` for faces without one. Repeatable.",
        "dataset": "Only faces of this dataset. Repeatable.",
        "modality": "Only faces of this modality, such as thermal. Repeatable.",
        "subject": "Only faces of this person. Repeatable.",
        "source": "Only faces of this source, by its identifier. Repeatable.",
        "split": "Only faces of this part of a hold-out: train, val or test. Repeatable.",
    }
    ranges = click.option(
        "--range",
        "ranges",
        multiple=True,
        metavar="COLUMN=LOW..HIGH",
        help="Only faces with a value in this range, such as yaw_deg=-20..20 or blur=100.. Repeatable.",
    )
    function = ranges(function)
    for name, words in reversed(listed.items()):
        function = click.option(f"--{name}", multiple=True, help=words)(function)
    return function


def read_conditions(values: dict[str, Any], *, status: tuple[str, ...] = ("kept",)) -> FaceConditions:
    """Return the conditions that the options of `condition_options` give.

    Args:
        values: values of the options by name.
        status: allowed states of the faces.

    Raises:
        InputError: a value or a range that cannot be.
    """
    from fertools.views.conditions import FaceConditions

    values = {**values, "ranges": dict(map(parse_range, values["ranges"]))}
    return FaceConditions(status=status, **values)


def parse_range(text: str) -> tuple[str, tuple[float | None, float | None]]:
    """Read `COLUMN=LOW..HIGH`; one of the two may be missing.

    Raises:
        InputError: the text is none.

    Example:
        >>> parse_range("blur=100..")
        ('blur', (100.0, None))
    """
    from fertools.core.arguments import argument
    from fertools.core.errors import InputError

    name, equals, span = text.partition("=")
    low, dots, high = span.partition("..")
    try:
        limits = float(low) if low else None, float(high) if high else None
    except ValueError:
        dots = ""
    if not (equals and dots):
        raise InputError(f"{argument('ranges')} is '{text}'; give COLUMN=LOW..HIGH, such as yaw_deg=-20..20")
    return name.strip(), limits
