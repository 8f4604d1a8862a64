"""Commands whose `--help` shows options under headings, the most used ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

REST = "Other options"
"""Heading of options that no group names, and of `--help`."""


class GroupedCommand(click.Command):
    """A command that lists its options in groups instead of in the order of their declaration.

    Args:
        groups: option names, such as `--every`, by heading. An option without a group comes last.

    Raises:
        ValueError: a group names an option that the command does not have.

    Example:
        >>> every = click.Option(["--every"], help="Search every Nth frame.")
        >>> command = GroupedCommand("ingest", params=[every], groups={"Frames": ("--every",)})
        >>> [heading for heading, options in command.grouped(click.Context(command))]
        ['Frames', 'Other options']
    """

    def __init__(self, *arguments: Any, groups: Mapping[str, Sequence[str]], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        names = {name for parameter in self.params for name in parameter.opts}
        if unknown := {name for group in groups.values() for name in group} - names:
            raise ValueError(f"no option of {self.name} is called {', '.join(sorted(unknown))}")
        self.groups = groups

    def grouped(self, ctx: click.Context) -> Iterator[tuple[str, list[click.Parameter]]]:
        """Yield each heading with its options; headings without options are left out."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        by_name = {name: option for option in options for name in option.opts}
        shown = {heading: [by_name[name] for name in names] for heading, names in self.groups.items()}
        named = [option for group in shown.values() for option in group]
        shown[REST] = [option for option in options if option not in named]
        for heading, group in shown.items():
            if group:
                yield heading, list(group)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups of options."""
        for heading, options in self.grouped(ctx):
            records = [record for option in options if (record := option.get_help_record(ctx))]
            with formatter.section(heading):
                formatter.write_dl(records)
