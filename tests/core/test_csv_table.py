from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.cells import read_cell
from fertools.core.csv_table import DELIMITERS, read_csv
from fertools.core.errors import InputError

# A cell is stripped on reading, and a line without any text is left out.
CELL = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6).filter(
    lambda text: read_cell(text) == text
)


@given(
    rows=st.lists(st.tuples(CELL, st.just("") | CELL, CELL), max_size=5),
    delimiter=st.sampled_from(DELIMITERS),
    bom=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_writes_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, bom: bool, line_end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
    writer.writerows([("Face_ID", " emotion ", "valence"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        path.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
        table = read_csv(path)
    assert list(table.columns) == ["face_id", "emotion", "valence"]
    assert list(zip(*table.columns.values(), strict=True)) == rows
    assert table.lines == list(range(2, 2 + len(rows)))


def test_lines_are_counted_over_blank_ones_and_cells_with_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\n\na,b\n1,"two\nlines"\n,\n\n2,x\n')
    table = read_csv(tmp_path / "t.csv")
    assert table.columns == {"a": ["1", "2"], "b": ["two\nlines", "x"]}
    assert table.lines == [4, 8]


def test_the_header_says_what_parts_the_cells_even_below_a_blank_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n a;b\n1,5;two, three\u2028four\n", encoding="utf-8")
    assert read_csv(tmp_path / "t.csv").columns == {"a": ["1,5"], "b": ["two, three\u2028four"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty"),
        (b"\n \n", "t.csv is empty"),
        (b"a,b\n1,2\n\n1,2,3\n", "t.csv:4: the row has 3 cells but the header 2"),
        (b"a,b\n1\n", "t.csv:2: the row has 1 cells but the header 2"),
        (b"a,A\n", "t.csv:1: the column 'a' occurs twice"),
        (b"a,b\nx,\xff\n", "t.csv:2: the text is not UTF-8"),
        (b'a,b\n1,"open\n', "t.csv:2: the line is not CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path / "t.csv")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*t.csv: No such file"):
        read_csv(tmp_path / "t.csv")
