"""What `--help` shows: every option once, under headings where there are many, and the most used ones first."""

from __future__ import annotations

from collections import Counter

import click
import pytest

from docs.site.commands import context_of, walk
from fertools.cli.grouping import REST, GroupedCommand
from tests.cli.conftest import Run, fertools

__all__ = ["fertools"]

COMMANDS = dict(walk())
GROUPED = {name: command for name, command in COMMANDS.items() if isinstance(command, GroupedCommand)}


@pytest.mark.parametrize("name", COMMANDS)
def test_many_options_stand_under_headings(name: str) -> None:
    options = [option for option in COMMANDS[name].params if isinstance(option, click.Option)]
    assert len(options) <= 10 or name in GROUPED


def long_name(option: click.Parameter) -> str:
    # Click before 8.5 lists -h and --help in any order.
    return max(option.opts, key=len)


@pytest.mark.parametrize("name", GROUPED)
def test_every_option_stands_under_one_heading(name: str) -> None:
    command = GROUPED[name]
    groups = dict(command.grouped(context_of(name, command)))
    assert set(map(long_name, groups[REST])) <= {"--json", "--help"}
    counts = Counter(long_name(option) for group in groups.values() for option in group)
    assert set(counts.values()) == {1}
    assert set(counts) >= {long_name(option) for option in command.params if isinstance(option, click.Option)}


def test_ingest_shows_the_ten_most_used_options_first(fertools: Run) -> None:
    lines = fertools("ingest", "--help").out.split("\n\n")
    first = next(place for place, text in enumerate(lines) if text.startswith("Most used options:"))
    assert lines[first].count("\n  -") == 10
    assert lines[first + 1].startswith("Frames of videos:\n")


def test_a_group_names_options_that_exist() -> None:
    with pytest.raises(ValueError, match="no option of x is called --fast"):
        GroupedCommand("x", params=[click.Option(["--slow"])], groups={"Speed": ("--slow", "--fast")})


def test_an_option_without_a_group_comes_last() -> None:
    command = GroupedCommand("x", params=[click.Option(["--new"]), click.Option(["--old"])], groups={"A": ("--old",)})
    groups = {
        heading: [long_name(option) for option in group] for heading, group in command.grouped(context_of("x", command))
    }
    assert groups == {"A": ["--old"], REST: ["--new", "--help"]}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does_in_a_sentence(name: str) -> None:
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            text = (option.help or "").partition("  [")[0]
            assert text.endswith("."), f"{name} {option.opts}: {text!r}"
