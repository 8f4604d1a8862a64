from __future__ import annotations

import pytest

from fertools.core.errors import InputError
from fertools.core.toml import parse_toml, shown, table_in, text_in


@pytest.mark.parametrize(
    "content",
    [b"a =", b"\xff = 1", b"a = " + b"9" * 5000, b"a = " + b"[" * 5000, b"[a]\n[a]", b"\x00"],
    ids=["half", "not UTF-8", "5000 digits", "brackets", "twice", "zero"],
)
def test_what_is_no_toml(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^x\.toml is not valid TOML .*; correct it or remove it$"):
        parse_toml(content, "x.toml")


def test_a_table_and_a_text() -> None:
    content = parse_toml(b'[a]\nb = "c"', "x.toml")
    assert table_in(content, "a", "x.toml") == {"b": "c"}
    assert table_in(content, "none", "x.toml") == {}
    assert text_in(content["a"], "b", "[a] in x.toml") == "c"


@pytest.mark.parametrize("value", [1, 10**400, "text", [1], True], ids=["1", "long", "text", "list", "true"])
def test_wrong_types(value: object) -> None:
    with pytest.raises(InputError, match=r"^a in x\.toml is .*; write a table, as \[a\]$"):
        table_in({"a": value}, "a", "x.toml")


def test_long_numbers_are_told_by_their_digits() -> None:
    for value, digits in ((10**399, 400), (10**400 - 1, 400), (10**400, 401), (-(10**5000), 5001)):
        assert shown(value) == f"a number of {digits} digits"
