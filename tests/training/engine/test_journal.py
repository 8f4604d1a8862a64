"""The journal: a line per logged iteration, none twice, none undone, none half."""

from __future__ import annotations

import json
from pathlib import Path

from fertools.training.engine.journal import Journal, read_journal


def test_lines_are_appended_and_read(tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.jsonl"
    with Journal(path, after=0) as journal:
        journal.add(10, {"D/loss_real": -0.5})
        assert read_journal(path) == [{"iteration": 10, "D/loss_real": -0.5}], "there before the journal is closed"
        journal.add(20, {"D/loss_real": -1.25, "G/loss_rec": 0.1})
        journal.sync()
    assert [json.loads(line) for line in path.read_text().splitlines()] == read_journal(path)
    assert [entry["iteration"] for entry in read_journal(path)] == [10, 20]


def test_what_came_after_the_checkpoint_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path, after=0) as journal:
        for iteration in (10, 20, 30):
            journal.add(iteration, {"a": 0.0})
    with Journal(path, after=20) as journal:
        journal.add(30, {"a": 1.0})
    assert read_journal(path) == [
        {"iteration": 10, "a": 0.0},
        {"iteration": 20, "a": 0.0},
        {"iteration": 30, "a": 1.0},
    ]


def test_a_line_that_a_killed_run_left_unfinished_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"iteration": 10, "a": 1.5}\n{"iteration": 20, "a": 1')
    assert read_journal(path) == [{"iteration": 10, "a": 1.5}]
    with Journal(path, after=20) as journal:
        journal.add(20, {"a": 2.5})
    assert read_journal(path) == [{"iteration": 10, "a": 1.5}, {"iteration": 20, "a": 2.5}]


def test_values_keep_every_bit(tmp_path: Path) -> None:
    path, value = tmp_path / "metrics.jsonl", 0.1 + 0.2
    with Journal(path, after=0) as journal:
        journal.add(1, {"a": value})
    assert read_journal(path)[0]["a"] == value


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "metrics.jsonl") == []
