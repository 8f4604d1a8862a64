"""The flags that arguments of the library have on the command line."""

from __future__ import annotations

import click

_ELSEWHERE = {"overrides": "--set", "template": "--template", "lag_s": "--lag", "stall_s": "--stall", "span": "--range"}
"""Flags that are not the argument's name, of commands that are not the one at hand."""


def find_flag(group: click.Group, words: list[str], argument: str) -> str:
    """Return the flag of an argument of the library.

    Args:
        group: the commands.
        words: the typed words, beginning with the name of a command, which may not exist.
        argument: name of the argument in Python, such as `min_face`.
    """
    options = (option for option in _command(group, words).params if isinstance(option, click.Option))
    own = {option.name: max(option.opts, key=len) for option in options}
    return own.get(argument) or _ELSEWHERE.get(argument) or f"--{argument.replace('_', '-')}"


def _command(group: click.Group, words: list[str]) -> click.Command:
    """Return the command that some words begin with; the group itself if they name none."""
    command: click.Command = group
    for word in words:
        context = click.Context(command)
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        command = found
    return command
