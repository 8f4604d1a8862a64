"""Options whose text stands for a value of several parts: a range of times, a share of the files, a smallest face."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fertools.faces.detection.min_face import MinFace
    from fertools.sources.grey_range import GreyRange
    from fertools.sources.label_columns import LabelColumns


def read_by(parse: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Return a callback that reads the text of an option, if it is given.

    Args:
        parse: reads the text.
    """

    def read(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        del context, parameter
        return None if text is None else parse(text)

    return read


def parse_min_face(text: str) -> MinFace:
    """Read `20` or `10%`.

    Raises:
        InputError: it is neither, or out of range.
    """
    from fertools.faces.detection.min_face import MinFace

    return MinFace.parse(text)


def parse_columns(text: str) -> LabelColumns:
    """Read `MEANING=COLUMN,...`.

    Raises:
        InputError: a meaning is unknown or given twice.
    """
    from fertools.sources.label_columns import LabelColumns

    return LabelColumns.parse(text)


def parse_grey_range(text: str) -> GreyRange:
    """Read `LOW,HIGH`, `image` or `full`.

    Raises:
        InputError: it is none of these.
    """
    from fertools.sources.grey_range import GreyRange

    return GreyRange.parse(text)


def parse_thresholds(text: str) -> tuple[float, ...]:
    """Read numbers with commas between.

    Raises:
        InputError: one of them is no number.

    Example:
        >>> parse_thresholds("0.6, 0.7, 0.7")
        (0.6, 0.7, 0.7)
    """
    return _parts(text, ",", float, "thresholds", "give numbers between 0 and 1, such as 0.6,0.7,0.7")


def parse_fps(text: str) -> Fraction:
    """Read `10`, `0.5` or `30000/1001`.

    Raises:
        InputError: it is no number.

    Example:
        >>> parse_fps("0.5")
        Fraction(1, 2)
    """
    fps: Fraction
    (fps,) = _parts(text, None, Fraction, "fps", "give a number of frames per second above 0, such as 10 or 0.5")
    return fps


def parse_span(text: str) -> tuple[Fraction, Fraction]:
    """Read `START-END` in seconds.

    Raises:
        InputError: it is not two numbers.

    Example:
        >>> parse_span("10-25.5")
        (Fraction(10, 1), Fraction(51, 2))
    """
    remedy = "give START-END in seconds, START before END, such as 10-25.5"
    start_s, end_s = _parts(text, "-", Fraction, "span", remedy, count=2)
    return start_s, end_s


def parse_centre(text: str) -> tuple[float, float]:
    """Read two shares, `X,Y`.

    Raises:
        InputError: it is not two numbers.
    """
    remedy = "give two shares of width and height, such as 0.5,0.4"
    x, y = _parts(text, ",", float, "centre", remedy, count=2)
    return x, y


def parse_shard(text: str) -> tuple[int, int]:
    """Read a share of the files, `I/N`.

    Raises:
        InputError: it is not two whole numbers.
    """
    index, count = _parts(text, "/", int, "shard", "give I/N with I from 1 to N, such as 1/8", count=2)
    return index, count


def _parts(
    text: str, separator: str | None, read: Callable[[str], Any], name: str, remedy: str, count: int = 0
) -> tuple[Any, ...]:
    """Return the parts of a text; `count` of them, or any number.

    Raises:
        InputError: a part cannot be read, or there are more or fewer.
    """
    from fertools.core.arguments import argument
    from fertools.core.errors import InputError

    try:
        parts = tuple(read(part.strip()) for part in text.split(separator))
    except (ValueError, ZeroDivisionError):
        parts = ()
    if not parts or len(parts) != (count or len(parts)):
        raise InputError(f"{argument(name)} is '{text}'; {remedy}")
    return parts
