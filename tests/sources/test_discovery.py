from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from PIL import Image

from fertools.core import products
from fertools.core.errors import InputError
from fertools.sources.content import MADE_BY_US
from fertools.sources.discovery import IN_A_WORKSPACE, discover


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
        with pytest.raises(InputError, match="`workspace`"):
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


def test_what_fertools_made_is_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4", tmp_path / "crops/ab/crop.jpg", tmp_path / "crops/b.jpg")
    products.mark(tmp_path / "crops")
    Image.new("RGB", (8, 8)).save(tmp_path / "sheet.png", pnginfo=products.png_metadata())
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    discovery = discover([tmp_path])
    assert [file.path.name for file in discovery.files] == ["a.mp4", "photo.png"]
    # The mark itself is one of them.
    assert discovery.passed_over == {MADE_BY_US: 4}


@pytest.mark.parametrize("given", ["crops", "crops/ab", "crops/ab/crop.jpg"])
def test_what_fertools_made_is_refused_with_a_way_out(tmp_path: Path, given: str) -> None:
    _touch(tmp_path / "crops/ab/crop.jpg")
    products.mark(tmp_path / "crops")
    with pytest.raises(InputError, match=r"copy it elsewhere and delete \.made-by-fertools there"):
        discover([tmp_path / given])
    (tmp_path / "crops" / products.MARKER).unlink()
    assert len(discover([tmp_path / given]).files) == 1


def test_a_workspace_below_a_folder_is_passed_over_and_named(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4", tmp_path / "set/fertools.toml", tmp_path / "set/faces/ab/c.jpg", tmp_path / "set/b.mp4")
    discovery = discover([tmp_path])
    assert [file.path.name for file in discovery.files] == ["a.mp4"]
    assert discovery.passed_over == {IN_A_WORKSPACE: 3}
    assert discovery.workspaces == (tmp_path / "set",)
    # Given by itself, or as the place that this is for, its videos are read, and its crops are not.
    for one in (discover([tmp_path / "set"]), discover([tmp_path], home=tmp_path / "set")):
        assert "b.mp4" in [file.path.name for file in one.files]
        assert one.passed_over == {MADE_BY_US: 1, "empty": 1}
        assert one.workspaces == ()


def test_every_file_is_found_or_counted(tmp_path: Path) -> None:
    _touch(*(tmp_path / name for name in ("a.mp4", ".b/.c/d.mp4", ".e", "f", "g/h.png", "g/.i/j.txt", "k.toml")))
    discovery = discover([tmp_path, tmp_path / "g"])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(discovery.files) + sum(discovery.passed_over.values()) == len(files) == 7
    assert discovery.passed_over == {"hidden": 3, "empty": 2}


def test_a_hidden_file_counts_if_it_is_given(tmp_path: Path) -> None:
    _touch(tmp_path / ".a.mp4", tmp_path / "b.mp4")
    discovery = discover([tmp_path, tmp_path / ".a.mp4"])
    assert [file.path.name for file in discovery.files] == [".a.mp4", "b.mp4"]
    assert discovery.passed_over == {}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.org/v?id=3&t=1", r"yt-dlp -P videos 'https://example\.org/v\?id=3&t=1'"),
        ("s3://bucket/videos", r"s3://bucket/videos is an address; first fetch the videos into a folder and"),
    ],
)
def test_an_address_is_answered_by_what_to_do(url: str, said: str) -> None:
    # As the command gets it: a path has one slash where an address has two.
    with pytest.raises(InputError, match=said):
        discover([Path(url)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("clips.zip", b"PK\x03\x04" + bytes(60), r"cannot be read as a zip .* repair it by `zip -FF`"),
        ("clips.7z", b"7z\xbc\xaf\x27\x1c" + bytes(60), r"not read in place; unpack it \(`7z x "),
        ("my clips.rar", b"Rar!\x1a\x07\x01\x00", r"not read in place; unpack it \(`unrar x '.*my clips\.rar'"),
        ("clip.mp4.gz", gzip.compress(b"video" * 200, mtime=0), r"holds no tar \(.*\); unpack it"),
        ("clips", bytes(257) + b"ustar\0" + bytes(250), "cannot be read as a tar"),
    ],
)
def test_an_archive_that_is_not_read_is_answered_by_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    _touch(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=said):
        discover([tmp_path / "a.mp4", tmp_path / name])
    # Below a folder it is one file of many.
    assert discover([tmp_path]).passed_over == {"archive": 1}
