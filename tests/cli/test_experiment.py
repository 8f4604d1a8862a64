"""`fertools experiment`: listing, planning, and mistakes, none of which trains anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import TWO_STEPS, write_experiment


@pytest.fixture
def two(tmp_path: Path) -> Path:
    write_blobs(tmp_path)
    write_experiment(tmp_path)
    return tmp_path


def test_they_are_listed_with_their_titles(fertools: Run, two: Path) -> None:
    assert "two" in fertools("experiment", "--list").out
    assert json.loads(fertools("experiment", "--list", "--json").out)["two"] == "Two methods"


def test_a_dry_run_shows_every_run_and_makes_none(fertools: Run, two: Path) -> None:
    done = fertools("experiment", "two", "--dry-run")
    assert done.code == 0
    assert "classifier/two.tuned.fold-3" in done.out
    assert len(json.loads(fertools("experiment", "two", "--dry-run", "--json").out)["runs"]) == 12
    assert not (two / "training" / "classifier").exists()


def test_a_protocol_that_leaks_and_does_not_say_so_is_refused(fertools: Run, two: Path) -> None:
    write_experiment(two, TWO_STEPS.replace("[steps.source]", '[steps.source]\nover = "once"'))
    done = fertools("experiment", "two")
    assert done.code == 4
    assert "tuned, fold 1 builds upon source" in done.err
    assert "leaky" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tow"], "did you mean 'two'"),
        ([], "--list shows them"),
        (["two", "--fold", "9"], "folds go from 0 to 3"),
        (["two", "--step", "tun"], "did you mean 'tuned'"),
    ],
)
def test_mistakes_are_answered(fertools: Run, two: Path, arguments: list[str], words: str) -> None:
    done = fertools("experiment", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
