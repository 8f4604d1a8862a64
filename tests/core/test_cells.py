from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fertools.core.cells import find_lookalikes, read_cell
from fertools.core.csv_table import read_csv
from fertools.core.errors import InputError
from fertools.core.parquet_table import read_parquet, read_table


@pytest.mark.parametrize(
    "word", ["", " ", "nan", "NaN", "None", "none", "null", "NULL", "NA", "N/A", "n/a", "<NA>", "NaT"]
)
def test_words_for_nothing_are_empty(word: str) -> None:
    assert read_cell(word) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3.0", "3"),
        ("-3.000", "-3"),
        (3.0, "3"),
        (np.float32(0.1), "0.1"),
        (0.1, "0.1"),
        (7, "7"),
        ("3.10", "3.10"),
        ("007", "007"),
        ("1.0.0", "1.0.0"),
        (" Nanna ", "Nanna"),
        ("NAN01", "NAN01"),
        (None, ""),
        (float("nan"), ""),
        (np.float32("nan"), ""),
    ],
)
def test_numbers_are_whole_or_short_and_other_words_stay(value: object, text: str) -> None:
    assert read_cell(value) == text


def test_a_table_of_pandas_reads_alike_from_csv_and_parquet(tmp_path: Path) -> None:
    """A column of whole numbers with a gap is one of floats, and gaps are words."""
    frame = pd.DataFrame(
        {
            "source": ["a", "b", None],
            "frame_index": [3, None, 7],
            "subject_id": ["s1", "NA", "None"],
            "x": [0.25, 1, None],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False, na_rep="NaN")
    frame.to_parquet(tmp_path / "t.parquet")
    expected = {
        "source": ["a", "b", ""],
        "frame_index": ["3", "", "7"],
        "subject_id": ["s1", "", ""],
        "x": ["0.25", "1", ""],
    }
    assert read_table(tmp_path / "t.csv").columns == expected
    assert read_table(tmp_path / "t.parquet").columns == expected


def test_a_parquet_column_twice_is_refused(tmp_path: Path) -> None:
    pd.DataFrame([[1, 2]], columns=["Emotion", "emotion"]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="the column 'emotion' occurs twice"):
        read_parquet(tmp_path / "t.parquet")


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
def test_excel_may_say_what_parts_the_cells_and_add_empty_columns(tmp_path: Path, mark: str) -> None:
    lines = ["sep=" + mark, *(mark.join(cells) for cells in (["a", "b", "", ""], ["1", "x", "", ""], ["2", "y"]))]
    (tmp_path / "t.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    table = read_csv(tmp_path / "t.csv")
    assert table.columns == {"a": ["1", "2"], "b": ["x", "y"]}
    assert table.lines == [3, 4]


def test_cells_beyond_the_header_are_refused_unless_empty(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2,,\n1,2,,3\n")
    with pytest.raises(InputError, match=r"t.csv:3: the row has 4 cells but the header 2"):
        read_csv(tmp_path / "t.csv")


def test_names_that_look_alike_are_found() -> None:
    decomposed = unicodedata.normalize("NFD", "José")
    assert find_lookalikes(["anna", "ben", "Anna", "anna"]) == ("Anna / anna",)
    assert find_lookalikes(["José", decomposed]) == (f"{decomposed} / José",)
    assert find_lookalikes(["anna", "ben", "jose", "José"]) == ()
