from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.sources.discovery import discover


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_come_sorted_once_and_typed(tmp_path: Path) -> None:
    _touch(tmp_path / "b/x.MP4", tmp_path / "a/y.png", tmp_path / "notes.txt", tmp_path / ".hidden/z.mp4")
    found = discover([tmp_path, tmp_path / "b", tmp_path / "b/x.MP4"])
    assert [(file.below.as_posix(), file.kind) for file in found] == [("a/y.png", "image"), ("b/x.MP4", "video")]


def test_own_folders_are_not_entered(tmp_path: Path) -> None:
    _touch(tmp_path / "faces/ab/crop.jpg", tmp_path / "mine/a.jpg")
    assert [file.below.name for file in discover([tmp_path], beside=[tmp_path / "faces"])] == ["a.jpg"]


@pytest.mark.parametrize("make", ["nothing", "empty", "text"])
def test_nothing_to_read_is_said_in_one_sentence(tmp_path: Path, make: str) -> None:
    given = tmp_path / "videos"
    if make == "empty":
        given.mkdir()
    elif make == "text":
        given = tmp_path / "a.txt"
        given.touch()
    with pytest.raises(InputError, match="videos" if make != "text" else r"a\.txt"):
        discover([given])
