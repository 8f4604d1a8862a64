"""Tables as text, Markdown and LaTeX."""

from __future__ import annotations

from fertools.training.reports.table_formatting import ResultTable, format_table

SHEET = ResultTable("Runs", ("", "a & b"), (("x|y_1", "0.5 ± 0.1"), ("longer name", "1")), "100 % sure")


def test_text_stands_in_columns() -> None:
    assert format_table(SHEET, "text").splitlines() == [
        "Runs",
        "                 a & b",
        "x|y_1        0.5 ± 0.1",
        "longer name          1",
        "100 % sure",
    ]


def test_markdown_keeps_bars_within_cells() -> None:
    lines = format_table(SHEET, "markdown").splitlines()
    assert lines[2:5] == ["|  | a & b |", "|---|---:|", r"| x\|y_1 | 0.5 ± 0.1 |"]
    assert lines[-1] == "100 % sure"


def test_latex_has_no_bare_special_characters() -> None:
    text = format_table(SHEET, "latex")
    assert r"\begin{tabular}{lr}" in text
    assert r" & a \& b \\" in text
    assert r"x|y\_1 & 0.5 $\pm$ 0.1 \\" in text
    assert r"\caption{Runs. 100 \% sure}" in text


def test_a_table_without_a_note_ends_with_its_last_row() -> None:
    bare = ResultTable("T", ("", "n"), (("a", "1"),))
    assert format_table(bare, "text").endswith("a  1")
    assert format_table(bare, "markdown").endswith("| a | 1 |")


def test_a_table_wider_than_the_terminal_stands_in_blocks_below_each_other() -> None:
    wide = ResultTable("Title", ("", "one", "two", "three"), (("a", "1", "2", "3"),), "a note of several words")
    assert format_table(wide, "text", 12).splitlines() == [
        "Title",
        "   one  two",
        "a    1    2",
        "",
        "   three",
        "a      3",
        "a note of",
        "several",
        "words",
    ]
    assert format_table(wide, "text", 100) == format_table(wide, "text")
    narrow = format_table(wide, "text", 4).splitlines()
    assert [line for line in narrow if line.startswith("a  ")] == ["a    1", "a    2", "a      3"]
