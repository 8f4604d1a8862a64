from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.core.outputs import write_outputs


def test_nothing_is_written_unless_all_may_be(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "one.txt", tmp_path / "two.txt"
    two.write_text("mine")
    with pytest.raises(InputError, match=r"two.txt would be replaced; name another place, or .* `overwrite=True`"):
        write_outputs({one: "1", two: b"2"}, tmp_path)
    assert not one.exists()
    write_outputs({one: "1", two: b"2"}, tmp_path, overwrite=True)
    before = two.stat().st_mtime_ns, two.stat().st_ino
    write_outputs({one: "1", two: b"2"}, tmp_path)
    assert (two.stat().st_mtime_ns, two.stat().st_ino) == before
    assert one.read_text() == "1"


def test_a_path_out_of_the_folder_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out" / "a.txt").mkdir(parents=True)
    for path, words in (
        (tmp_path / "out" / ".." / "b.txt", "leads out of"),
        (tmp_path / "out" / "a.txt", "is a folder"),
    ):
        with pytest.raises(InputError, match=words):
            write_outputs({path: "x"}, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "b.txt").exists()


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """A link to nothing yet is a file of somebody's too."""
    link = tmp_path / "out" / "a.txt"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "mine.txt")
    with pytest.raises(InputError, match="would be replaced"):
        write_outputs({link: "x"}, tmp_path / "out")
    write_outputs({link: "x"}, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "mine.txt").exists()
