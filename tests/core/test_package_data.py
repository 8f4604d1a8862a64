from __future__ import annotations

import os
from pathlib import Path

import pytest

from fertools.core import package_data
from fertools.core.errors import InputError


def _write(workspace: Path, kind: str, name: str, text: str) -> Path:
    path = workspace / kind / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_what_ships_is_found() -> None:
    assert package_data.find("annotations", "lexicon") == package_data.shipped_folder("annotations") / "lexicon.toml"
    assert {"lexicon", "circumplex"} <= set(package_data.names("annotations"))


def test_the_workspace_wins_and_adds(tmp_path: Path) -> None:
    own = _write(tmp_path, "annotations", "lexicon", "a = 1")
    _write(tmp_path, "annotations", "extra", "b = 2")
    assert package_data.find("annotations", "lexicon", tmp_path) == own
    assert package_data.load("annotations", "extra", tmp_path) == {"b": 2}
    assert package_data.find("annotations", "circumplex", tmp_path).parent == package_data.shipped_folder("annotations")
    assert "extra" in package_data.names("annotations", tmp_path)
    assert "extra" not in package_data.names("annotations")


def test_a_name_that_nothing_has_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no annotations/lexikon\.toml; known there: .*circumplex, lexicon"):
        package_data.find("annotations", "lexikon", tmp_path)


@pytest.mark.parametrize("content", [b"a = ", b"\xff = 1", b"a = 1\na = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.toml is not valid TOML"):
        package_data.read_toml(tmp_path / "x.toml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        package_data.read_toml(tmp_path / "x.toml")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = _write(tmp_path, "training", "x", "a = 1")
    assert package_data.read_toml(path) == {"a": 1}
    path.write_text("a = 2")
    # A coarse clock could give both versions one time.
    os.utime(path, ns=(1, 1))
    assert package_data.read_toml(path) == {"a": 2}
