"""What messages tell a user to run: the functions and commands exist, with the arguments and options named."""

from __future__ import annotations

import ast
import inspect
import shlex

import click
import pytest

import fertools
from fertools.cli.main import cli
from fertools.core import calls
from fertools.core.arguments import in_python, on_command_line

MARKS = {name: value for name, value in vars(calls).items() if name.isupper()} | {
    "split_folds": calls.split_folds(5),
    "push": calls.push("s3://bucket/name"),
    "pull": calls.pull("s3://bucket/name"),
    "pull_prefer": calls.pull("s3://bucket/name", "here"),
    "ingest": calls.ingest("thermal"),
    "train": calls.train("classifier", "thermal"),
    "generate": calls.generate("stargan/x"),
    "generate_training_faces": calls.generate_training_faces("stargan/x"),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_python_user_can_call_it(name: str) -> None:
    text = in_python(MARKS[name])
    expression = ast.parse(text.strip("`"), mode="eval").body
    assert isinstance(expression, ast.Call)
    assert isinstance(expression.func, ast.Attribute)
    function = getattr(fertools, expression.func.attr)
    keywords = {keyword.arg or "": None for keyword in expression.keywords}
    inspect.signature(function).bind(*expression.args, **keywords)


@pytest.mark.parametrize("name", MARKS)
def test_a_user_of_the_command_line_can_type_it(name: str) -> None:
    words = shlex.split(on_command_line(MARKS[name], str).strip("`"))
    assert words[0] == "fertools"
    command: click.Command = cli
    context = click.Context(cli)
    for word in words[1:]:
        if isinstance(command, click.Group) and (found := command.get_command(context, word)) is not None:
            command = found
    assert command is not cli
    options = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options
