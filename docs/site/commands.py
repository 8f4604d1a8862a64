"""The reference of the command line, generated from the commands themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.main import COMMANDS, cli

MARK = "<!-- Generated from the commands: docs/site/commands.py -->"


def walk() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, `fertools` itself first."""
    yield "fertools", cli
    for name in COMMANDS:
        module = importlib.import_module(f"fertools.cli.{name.replace('-', '_')}")
        command = module.command
        yield f"fertools {name}", command
        if isinstance(command, click.Group):
            yield from ((f"fertools {name} {below}", one) for below, one in command.commands.items())
        for below in getattr(module, "SUBCOMMANDS", ()):
            yield f"fertools {name} {below}", importlib.import_module(f"fertools.cli.{name}_{below}").command


def context_of(name: str, command: click.Command) -> click.Context:
    """Return a context in which a command describes itself as it does below `fertools`."""
    return click.Context(command, info_name=name, help_option_names=["-h", "--help"])


def render() -> str:
    """Return the reference as Markdown: a section per command, its options under their headings."""
    return "\n".join(_render(name, command) for name, command in walk())


def _render(name: str, command: click.Command) -> str:
    context = context_of(name, command)
    usage = " ".join(command.collect_usage_pieces(context))
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"## {name}\n", f"    {name} {usage}\n", f"{text}\n", f"```{{program}} {name}\n```\n"]
    if isinstance(command, GroupedCommand):
        for heading, options in command.grouped(context):
            parts += [f"```{{rubric}} {heading}\n```\n", *(_render_option(option, context) for option in options)]
    else:
        parts += [_render_option(option, context) for option in command.get_params(context)]
    return "\n".join(parts)


def _render_option(option: click.Parameter, context: click.Context) -> str:
    record = option.get_help_record(context)
    if not isinstance(option, click.Option) or record is None:
        return ""  # arguments are explained by the text of their command
    value = "" if option.is_flag else f" <{option.make_metavar(context)}>"
    names = ", ".join(f"{name}{value}" for name in (*option.opts, *option.secondary_opts))
    return f":::{{option}} {names}\n{record[1]}\n:::\n"
