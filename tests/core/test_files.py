from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fertools.core import files
from fertools.core.errors import StorageError
from fertools.core.files import TEMPORARY_PREFIX, remove_unfinished, replacing, storage_reason


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_whole_with_its_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "text.txt"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.suffix == ".txt"
        assert temporary.parent == target.parent
    assert target.read_text() == "whole"
    assert _names(target.parent) == ["text.txt"]


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "text.txt"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise ValueError("of another kind")

    with pytest.raises(ValueError, match="of another kind"), replacing(target) as temporary:
        fail(temporary)
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["text.txt"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_a_place_that_takes_no_more_gives_one_sentence(tmp_path: Path, number: int, reason: str) -> None:
    target = tmp_path / "text.txt"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError, match=reason) as caught, replacing(target) as temporary:
        fail(temporary)
    assert str(target) in str(caught.value)
    assert caught.value.exit_code == 2
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["text.txt"]


def test_other_system_errors_stay_what_they_are(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "broken disk")

    with pytest.raises(OSError, match="broken disk"), replacing(tmp_path / "a"):
        fail()
    assert storage_reason(OSError(errno.EIO, "")) is None


def test_a_file_where_a_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a file, not a folder"):
        files.write_text(tmp_path / "file" / "a.txt", "x")


def test_text_and_json_are_written_as_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "é\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\r\n".encode()
    files.write_json(tmp_path / "a.json", {"name": "é", "n": [1, None]})
    content = (tmp_path / "a.json").read_bytes()
    assert content.endswith(b"}\n")
    assert "é".encode() in content
    assert json.loads(content) == {"name": "é", "n": [1, None]}


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    keep = tmp_path / "sub" / "keep.txt"
    files.write_text(keep, "x")
    for folder in (tmp_path, keep.parent):
        (folder / f"{TEMPORARY_PREFIX}1.txt").write_text("half")
    assert remove_unfinished(tmp_path) == 2
    assert _names(tmp_path) == ["keep.txt", "sub"]
    assert remove_unfinished(tmp_path / "nowhere") == 0


WRITER = """
import sys
import time
from pathlib import Path
from fertools.core import files
for number in range(10**9):
    files.write_text(Path(sys.argv[1]), str(number % 10) * 2_000_000)
    print("written", flush=True)
"""


def test_a_reader_sees_whole_files_and_a_killed_writer_leaves_one(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    seen = set()
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(60):
                text = path.read_text()
                assert len(text) == 2_000_000
                assert text == text[0] * len(text)
                seen.add(text[0])
            process.send_signal(signal.SIGKILL)
        assert len(path.read_text()) == 2_000_000
    # Else the writer stood still and nothing was tested.
    assert len(seen) > 1


def test_a_nameless_file_leaves_nothing_and_begins_pieces_where_they_should(tmp_path: Path) -> None:
    file = files.anonymous_file(tmp_path / "made")
    starts = [files.append(file, content, tmp_path, 64) for content in (b"abc", b"", b"d" * 64, b"e")]
    assert starts == [0, 64, 64, 128]
    file.seek(0)
    assert file.read() == b"abc" + bytes(61) + b"d" * 64 + b"e"
    assert list((tmp_path / "made").iterdir()) == []
    file.close()
    assert list((tmp_path / "made").iterdir()) == []


def test_what_a_process_still_writes_is_not_removed(tmp_path: Path) -> None:
    """A second command may clean the folder in which another writes: a `generate` beside a `split`."""
    with replacing(tmp_path / "table.txt") as temporary:
        temporary.write_text("half")
        assert remove_unfinished(tmp_path) == 0
    assert (tmp_path / "table.txt").read_text() == "half"


@pytest.mark.parametrize(("age_s", "left"), [(0, 1), (2 * 86_400, 0)])
def test_what_another_machine_began_stays_for_a_day(tmp_path: Path, age_s: float, left: int) -> None:
    file = tmp_path / f"{TEMPORARY_PREFIX}0123abcd-{os.getpid()}-feed.parquet"
    file.write_bytes(b"half")
    os.utime(file, (time.time() - age_s,) * 2)
    assert remove_unfinished(tmp_path) == 1 - left
    assert file.exists() == bool(left)


def test_subfolders_are_left_alone_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    inner, outer = (folder / f"{TEMPORARY_PREFIX}1.png" for folder in (tmp_path / "faces", tmp_path))
    for file in (inner, outer):
        file.write_bytes(b"half")
    assert remove_unfinished(tmp_path, below=False) == 1
    assert inner.exists()
