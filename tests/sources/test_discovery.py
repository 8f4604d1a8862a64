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
    found = discover([tmp_path, tmp_path / "b", tmp_path / "b/x.MP4"]).files
    assert [(file.below.as_posix(), file.kind) for file in found] == [("a/y.png", "image"), ("b/x.MP4", "video")]


def test_own_folders_are_not_entered(tmp_path: Path) -> None:
    _touch(tmp_path / "faces/ab/crop.jpg", tmp_path / "mine/a.jpg")
    assert [file.below.name for file in discover([tmp_path], beside=[tmp_path / "faces"]).files] == ["a.jpg"]


def test_a_folder_of_the_workspace_is_refused_as_a_source(tmp_path: Path) -> None:
    _touch(tmp_path / "faces/ab/crop.jpg")
    for given in (tmp_path / "faces", tmp_path / "faces/ab", tmp_path / "faces/ab/crop.jpg"):
        with pytest.raises(InputError, match="--workspace"):
            discover([given], beside=[tmp_path / "faces"])


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    _touch(tmp_path / "elsewhere/b.mp4", tmp_path / "given/a.mp4")
    (tmp_path / "given/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "given/circle").symlink_to(tmp_path / "given")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "given")
    found = discover([tmp_path / "given"]).files
    assert [file.below.as_posix() for file in found] == ["a.mp4", "linked/b.mp4"]


def test_the_name_of_what_was_given_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path / "joyful/p01/a.mp4", tmp_path / "sad/b.mp4")
    found = discover([tmp_path / "joyful", tmp_path / "sad/b.mp4"]).files
    assert [(file.below.as_posix(), file.given) for file in found] == [("p01/a.mp4", "joyful"), ("b.mp4", "sad")]
    monkeypatch.chdir(tmp_path / "sad")
    assert discover([Path()]).files[0].given == "sad"


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
