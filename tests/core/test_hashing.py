from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.hashing import fingerprint, hash_bytes, hash_file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(parts=st.lists(st.binary(max_size=6), max_size=4), other=st.lists(st.binary(max_size=6), max_size=4))
def test_parts_have_one_digest_and_joints_matter(parts: list[bytes], other: list[bytes]) -> None:
    assert (hash_bytes(*parts) == hash_bytes(*other)) == (parts == other)
    assert len(hash_bytes(*parts)) == 32


def test_joints_matter() -> None:
    assert hash_bytes(b"ab", b"c") != hash_bytes(b"a", b"bc") != hash_bytes(b"abc")


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_file_has_the_digest_of_its_content(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "a").write_bytes(content)
    assert hash_file(tmp_path / "a") == hashlib.blake2b(content, digest_size=16).hexdigest()


@given(content=st.dictionaries(st.text(), JSON, max_size=4))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(content: dict[str, Any]) -> None:
    turned = dict(reversed(content.items()))
    assert fingerprint(turned) == fingerprint(content)
    assert fingerprint([content]) != fingerprint(content)


def test_what_json_cannot_hold_has_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        fingerprint({"a": float("nan")})
