from __future__ import annotations

import pytest

from fertools.core.errors import InputError
from fertools.sources.datasets.frame_rules import FrameRule


@pytest.mark.parametrize(
    ("rule", "total", "chosen"),
    [
        ("all", 3, [0, 1, 2]),
        ("first:2", 5, [0, 1]),
        ("last:3", 5, [2, 3, 4]),
        ("last:3", 2, [0, 1]),
        ("middle:3", 8, [2, 3, 4]),
        ("middle:3", 1, [0]),
        ("every:2", 5, [0, 2, 4]),
        ("apex", 5, [4]),
        ("last:1", 0, []),
    ],
)
def test_a_rule_chooses_frames(rule: str, total: int, chosen: list[int]) -> None:
    assert FrameRule.parse(rule).choose(total) == chosen
    assert str(FrameRule.parse(rule)) == rule


def test_the_apex_is_where_it_is_said_to_be() -> None:
    assert FrameRule.parse("apex").choose(9, 3) == [3]
    assert FrameRule.parse("apex:3").choose(9, 3) == [2, 3, 4]
    assert FrameRule.parse("apex:3").choose(9, 8) == [6, 7, 8]


@pytest.mark.parametrize("text", ["", "last:0", "last", "all:2", "best:3", "last:3.5"])
def test_another_text_is_no_rule(text: str) -> None:
    if text == "last":
        assert FrameRule.parse(text).choose(4) == [3]
        return
    with pytest.raises(InputError, match="give all, first:N, last:N"):
        FrameRule.parse(text)
