"""Texts of options become values, and a text that is none is named with its flag."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from fertools.cli import values
from fertools.core.errors import InputError
from fertools.faces.detection.min_face import MinFace
from fertools.sources.grey_range import FULL, PER_IMAGE, GreyRange
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.parse_min_face, "10%", MinFace(share=0.1)),
        (values.parse_thresholds, " 0.60, .7,0.7", (0.6, 0.7, 0.7)),
        (values.parse_fps, "30000/1001", Fraction(30000, 1001)),
        (values.parse_span, "10 - 25.5", (Fraction(10), Fraction(51, 2))),
        (values.parse_centre, "0.5,0.4", (0.5, 0.4)),
        (values.parse_shard, "2/8", (2, 8)),
        (values.parse_grey_range, "27000,33000", GreyRange(27000, 33000)),
        (values.parse_grey_range, "image", PER_IMAGE),
        (values.parse_grey_range, "full", FULL),
    ],
)
def test_a_text_becomes_a_value(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--thresholds", "a,b,c"),
        ("--thresholds", ""),
        ("--fps", "ten"),
        ("--fps", "1/0"),
        ("--range", "5"),
        ("--range", "-3-5"),
        ("--centre", "0.5,0.5,0.5"),
        ("--shard", "a"),
        ("--shard", "1.5/2"),
    ],
)
def test_a_text_that_is_no_value_is_refused(fertools: Run, flag: str, text: str) -> None:
    done = fertools("ingest", "clips", flag, text)
    assert done.code == 2
    assert f"{flag} is '{text}'; give" in done.err


def test_a_library_message_names_the_argument() -> None:
    with pytest.raises(InputError) as caught:
        values.parse_span("5")
    assert caught.value.argument == "span"
