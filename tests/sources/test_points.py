from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.sources.points import POINT_COLUMNS, read_points

HEADER = ",".join(("path", "frame_index", *POINT_COLUMNS))
NUMBERS = "1,2,3,4,5,6,7,8,9,10"


def _table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "points.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def test_points_are_found_by_path_and_frame(tmp_path: Path) -> None:
    other = "11,12,13,14,15,16,17,18,19,20"
    table = read_points(_table(tmp_path, f"a/b.png,,{NUMBERS}", f"c.mp4,,{NUMBERS}", f"c.mp4,3,{other}"))
    five = np.arange(1, 11, dtype=np.float32).reshape(5, 2)
    for name, frame, points in (("a/b.png", 0, five), ("c.mp4", 0, five), ("c.mp4", 3, five + 10)):
        found = table.of(tmp_path / name, frame)
        assert found is not None
        np.testing.assert_array_equal(found, points)
    assert table.of(tmp_path / "b.png", 0) is None


def test_a_frame_without_points_has_none(tmp_path: Path) -> None:
    table = read_points(_table(tmp_path, f"c.mp4,3,{NUMBERS}"))
    assert table.of(tmp_path / "c.mp4", 2) is None
    assert table.of(tmp_path / "c.mp4", 3) is not None


def test_a_path_through_a_link_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    table = read_points(_table(tmp_path, f"link/a.png,,{NUMBERS}"))
    assert table.of(tmp_path / "real" / "a.png", 0) is not None


@pytest.mark.parametrize(
    ("lines", "header", "words"),
    [
        ([f"a.png,,{NUMBERS}"], HEADER.replace("nose_y", "nose_z"), "no column 'nose_y'"),
        ([f"a.png,,{NUMBERS}", f"b.png,,{NUMBERS[:-2]}ten"], HEADER, r"points\.csv:3: .*not a number"),
        ([f"a.png,,{NUMBERS[:-2]}inf"], HEADER, r"points\.csv:2: .*not finite"),
        ([f"a.png,first,{NUMBERS}"], HEADER, r"points\.csv:2: .*not a number"),
        ([f"a.png,,{NUMBERS}", f"./a.png,,{NUMBERS}"], HEADER, r"points\.csv:3: .*already"),
    ],
)
def test_a_bad_table_is_refused_by_line(tmp_path: Path, lines: list[str], header: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_points(_table(tmp_path, *lines, header=header))
