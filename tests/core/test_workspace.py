from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace


def test_a_workspace_is_any_folder_and_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace().root == tmp_path
    assert Workspace("new").root == tmp_path / "new"
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder with `workspace`"):
        Workspace(tmp_path / "a")


def test_everything_lies_below_the_root(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    names = ("settings_path", "manifest", "sources", "parts", "generated", "crops", "lock_path")
    paths = [getattr(workspace, name) for name in names] + [workspace.runs("stargan")]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to(tmp_path) for path in paths)


def test_crops_are_spread_by_the_first_two_digits(tmp_path: Path) -> None:
    assert Workspace(tmp_path).crop_path("ab12", ".jpg") == "faces/ab/ab12.jpg"


def test_paths_are_written_relative_where_they_can_be(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    assert workspace.name_of(workspace.root / "videos" / "a.mp4") == "videos/a.mp4"
    assert workspace.name_of(tmp_path / "a.mp4") == (tmp_path / "a.mp4").as_posix()
    # A folder that only begins with the same letters is not below.
    assert workspace.name_of(tmp_path / "ww" / "a.mp4") == (tmp_path / "ww" / "a.mp4").as_posix()


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(first=st.dictionaries(TEXT, VALUES | TEXT, max_size=4), second=st.dictionaries(TEXT, VALUES | TEXT, max_size=4))
def test_settings_come_back_and_sections_do_not_disturb_each_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(folder)
        assert workspace.settings() == {}
        workspace.save_settings("ingest", second)
        workspace.save_settings("split", second)
        workspace.save_settings("ingest", first)
        expected = {
            name: {key: v for key, v in one.items() if v is not None}
            for name, one in (("ingest", first), ("split", second))
        }
        assert workspace.settings() == expected


def test_settings_that_are_no_toml_are_refused(tmp_path: Path) -> None:
    (tmp_path / "fertools.toml").write_text("a = ")
    with pytest.raises(InputError, match=r"fertools\.toml is not valid TOML"):
        Workspace(tmp_path).settings()


@pytest.mark.parametrize("raw", [b"a b\nc.mp4", b"caf\xe9.mp4", b"\xff\xfe/x.mp4", b"caf\xc3\xa9.mp4", b"a\\xe9.mp4"])
def test_a_name_leads_back_to_its_file(tmp_path: Path, raw: bytes) -> None:
    workspace = Workspace(tmp_path)
    path = tmp_path / os.fsdecode(raw)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    name = workspace.name_of(path)
    name.encode()
    assert workspace.path_of(name) == path
