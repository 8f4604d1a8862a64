"""Archives that attack whoever unpacks them: no path leads out, no bomb is unpacked, and the other members are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.sources.archives.members import LINK, REPEATED, SPECIAL, Limits, safe_name
from fertools.sources.archives.opened import exists, find_member, hash_content, local_file, read_head, split_member
from fertools.sources.archives.tar_archive import TarArchive
from fertools.sources.archives.zip_archive import ZipArchive

GOOD = {"a/good.jpg": b"good", "b.jpg": b"other"}
SMALL = Limits(members=3, member_bytes=2**20, ratio=20, free_bytes=2**10)


def _entry(name: str, content: bytes = b"bad", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(entry, key, value)
    entry.size = len(content) if entry.isreg() else 0
    return entry, content if entry.isreg() else b""


def _write_tar(path: Path, *more: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]  # the mode is text
        for entry, content in [*(_entry(name, content) for name, content in GOOD.items()), *more]:
            tar.addfile(entry, io.BytesIO(content))
    return path


def _write_zip(path: Path, *more: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*GOOD.items(), *more]:
            archive.writestr(name, content)
    return path


def _special(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


OUTSIDE = ["../out.jpg", "a/../../out.jpg", "..\\out.jpg", "/etc/out.jpg", "C:\\out.jpg", "C:out.jpg"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_are_refused_and_the_others_are_read(tmp_path: Path, name: str) -> None:
    for archive in (
        ZipArchive(_write_zip(tmp_path / "a.zip", (name, b"bad"))),
        TarArchive(_write_tar(tmp_path / "a.tar", _entry(name))),
    ):
        contents = archive.contents()
        assert [member.name for member in contents.members] == list(GOOD)
        assert [refused.why.startswith("has a") for refused in contents.refused] == [True]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("./a//b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("ä ö\n.jpg", "ä ö\n.jpg"),
        ("a..b/…jpg", "a..b/…jpg"),
        ("con/nul.jpg", "con/nul.jpg"),
        ("-rf.jpg", "-rf.jpg"),
    ],
)
def test_odd_names_are_kept(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["", "/", "a\0b.jpg", "x" * 5000, "."])
def test_unusable_names_are_refused(name: str) -> None:
    assert not isinstance(safe_name(name), str)


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    tar = _write_tar(
        tmp_path / "a.tar",
        _entry("link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        _entry("hard.jpg", type=tarfile.LNKTYPE, linkname="b.jpg"),
        _entry("pipe.jpg", type=tarfile.FIFOTYPE),
        _entry("disk.jpg", type=tarfile.BLKTYPE),
    )
    assert [one.why for one in TarArchive(tar).contents().refused] == [LINK, LINK, SPECIAL, SPECIAL]
    zipped = _write_zip(
        tmp_path / "a.zip", (_special("link.jpg", 0o120777), b"/etc/passwd"), (_special("pipe.jpg", 0o010644), b"")
    )
    assert [one.why for one in ZipArchive(zipped).contents().refused] == [LINK, SPECIAL]
    assert [member.name for member in ZipArchive(zipped).contents().members] == list(GOOD)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_names_no_member(tmp_path: Path) -> None:
    for archive in (
        ZipArchive(_write_zip(tmp_path / "a.zip", ("b.jpg", b"another"))),
        TarArchive(_write_tar(tmp_path / "a.tar", _entry("./b.jpg", b"another"))),
    ):
        contents = archive.contents()
        assert [member.name for member in contents.members] == ["a/good.jpg"]
        assert [(one.name, one.why) for one in contents.refused] == [("b.jpg", REPEATED)]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(2000)
    bomb = _write_zip(tmp_path / "a.zip", ("bomb.jpg", bytes(2**20)), ("c.jpg", noise))
    with pytest.raises(InputError, match="unpacks to more than 20 times its size"):
        ZipArchive(bomb, Limits(ratio=20, free_bytes=2**10)).contents()
    (refused,) = ZipArchive(bomb, Limits(ratio=500, free_bytes=2**10)).contents().refused
    assert "1,048,576 bytes" in refused.why
    assert len(ZipArchive(bomb, Limits()).contents().members) == 4


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_tar_is_unpacked_only_up_to_the_limit(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    plain = _write_tar(tmp_path / "a.tar", _entry("bomb.jpg", bytes(2**23))).read_bytes()
    path = tmp_path / "a.tar.x"
    path.write_bytes(compress(plain))
    with pytest.raises(InputError, match="unpacks to more than 20 times its size"):
        TarArchive(path, SMALL).contents()


def test_a_header_that_claims_too_much_is_no_memory(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("huge.jpg")
    entry.size = 2**40
    path = tmp_path / "a.tar"
    path.write_bytes(_write_tar(path).read_bytes()[: 2 * 1024] + entry.tobuf() + bytes(512))
    contents = TarArchive(path).contents()
    assert [member.name for member in contents.members] == list(GOOD)
    assert len(contents.refused) == 1


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    for path, kind in (
        (_write_zip(tmp_path / "a.zip", ("c.jpg", b""), ("d.jpg", b"")), ZipArchive),
        (_write_tar(tmp_path / "a.tar", _entry("c.jpg"), _entry("d.jpg")), TarArchive),
    ):
        with pytest.raises(InputError, match="more than 3 members"):
            kind(path, SMALL).contents()


def test_members_of_a_zip_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    entry = zipfile.ZipInfo("0.jpg")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, bytes(5000))
        for number in range(1, 4):
            copy = zipfile.ZipInfo(f"{number}.jpg")
            copy.header_offset, copy.file_size, copy.compress_size = 0, entry.file_size, entry.compress_size
            copy.CRC, copy.compress_type = entry.CRC, entry.compress_type
            archive.filelist.append(copy)
            archive._didModify = True  # type: ignore[attr-defined]  # so that the directory is written
    with pytest.raises(InputError, match="members that overlap"):
        ZipArchive(path).contents()


def test_an_encrypted_member_fails_alone(tmp_path: Path) -> None:
    for name, content in GOOD.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    subprocess.run(["zip", "-q", "-P", "word", "secret.zip", "b.jpg"], cwd=tmp_path, check=True)
    subprocess.run(["zip", "-q", "-g", "secret.zip", "a/good.jpg"], cwd=tmp_path, check=True)
    path = tmp_path / "secret.zip"
    assert read_head(path / "a/good.jpg", 9) == b"good"
    with pytest.raises(InputError, match="is encrypted; unpack the archive with its password"):
        read_head(path / "b.jpg", 9)


def test_a_damaged_member_fails_alone(tmp_path: Path) -> None:
    path = _write_zip(tmp_path / "a.zip", ("c.jpg", bytes(range(256)) * 20))
    content = bytearray(path.read_bytes())
    place = content.index(b"c.jpg") + len("c.jpg") + 20
    content[place : place + 30] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged in its archive"):
        hash_content(path / "c.jpg")
    assert read_head(path / "b.jpg", 9) == b"other"


def test_damage_in_a_tar_loses_one_member(tmp_path: Path) -> None:
    path = _write_tar(tmp_path / "a.tar", _entry("c.jpg", b"third"))
    content = bytearray(path.read_bytes())
    content[1024:1100] = b"\xff" * 76
    path.write_bytes(content)
    contents = TarArchive(path).contents()
    assert [member.name for member in contents.members] == ["a/good.jpg", "c.jpg"]
    assert "damaged at byte 1,024" in str(contents.damage)
    assert read_head(path / "c.jpg", 9) == b"third"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_ends_early_has_the_members_before(tmp_path: Path, mode: str) -> None:
    noise = random.Random(0).randbytes(200_000)
    path = _write_tar(tmp_path / "a.tar", _entry("c.jpg", noise), mode=mode)
    path.write_bytes(path.read_bytes()[:100_000])
    contents = TarArchive(path).contents()
    assert [member.name for member in contents.members] == [*GOOD, "c.jpg"]
    assert "damaged" in str(contents.damage)
    with pytest.raises(InputError, match=r"cannot read .*c\.jpg"):
        hash_content(path / "c.jpg")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"no tar" * 200, mtime=0), "is compressed, but holds no tar"),
        (b"PK\x05\x06 cut", "cannot be read as a zip"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), r"unpack it \(`7z x "),
        (b"Rar!\x1a\x07" + bytes(40), r"unpack it \(`unrar x "),
    ],
)
def test_what_is_no_archive_is_answered_by_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_head(path / "a.jpg", 9)


def test_a_member_is_copied_under_a_name_of_ours(tmp_path: Path) -> None:
    path = _write_zip(tmp_path / "a.zip", ("x/;rm -rf.jpg", b"odd"), ("x/y.j;g", b"suffix"))
    for name, copied in (("x/;rm -rf.jpg", "member.jpg"), ("x/y.j;g", "member")):
        with local_file(path / name) as file:
            assert file.name == copied
            assert not file.is_relative_to(tmp_path)
        assert not file.exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.zip"]


def test_paths_of_members_and_of_files(tmp_path: Path) -> None:
    path = _write_zip(tmp_path / "a.zip")
    assert split_member(path / "a/good.jpg") == (path, "a/good.jpg")
    assert split_member(path) is None is split_member(tmp_path / "none/b.jpg")
    assert [exists(one) for one in (path / "b.jpg", path, path / "c.jpg")] == [True, True, False]
    assert find_member(path / "../b.jpg") is None
