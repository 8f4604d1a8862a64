"""Files of weights with a checksum: plain safetensors to others, and no flipped byte goes unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

from fertools.core.errors import InputError
from fertools.core.sealed import SEAL, check_whole, is_sealed, is_whole, write_sealed

WEIGHTS: dict[str, NDArray[Any]] = {"one": np.arange(12, dtype=np.float32).reshape(3, 4), "two": np.zeros(5, np.int64)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    write_sealed(path, save(WEIGHTS, metadata={"other": f'{{"{SEAL}":"no"}}'}))
    return path


def test_other_programs_read_the_same_weights(path: Path) -> None:
    assert is_sealed(path)
    assert is_whole(path)
    check_whole(path, "no way out is needed")
    found = load_file(path)
    assert all(np.array_equal(found[name], value) for name, value in WEIGHTS.items())
    with safe_open(path, "numpy") as stream:
        assert stream.metadata()["other"] == f'{{"{SEAL}":"no"}}'
        assert len(stream.metadata()[SEAL]) == 32


def test_every_byte_counts(path: Path) -> None:
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not is_whole(path), place
    for shorter in (b"", content[:7], content[:20], content[:-1], content + b"x"):
        path.write_bytes(shorter)
        assert not is_whole(path)
    with pytest.raises(InputError, match=r"w\.safetensors is damaged.*; the way out"):
        check_whole(path, "the way out")


def test_files_without_a_digest_are_told_apart(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "plain.safetensors")
    assert not is_sealed(tmp_path / "plain.safetensors")
    assert not is_whole(tmp_path / "plain.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        check_whole(tmp_path / "none.safetensors", "give one")
