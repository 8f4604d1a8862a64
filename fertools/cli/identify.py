"""`fertools identify`: who is who across videos, and commands of its own below it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import (
    engine_options,
    fields_of,
    json_option,
    open_workspace,
    print_result,
    wait_option,
    workspace_option,
)
from fertools.faces.identity.identity_options import IdentifyOptions

SUBCOMMANDS: dict[str, str] = {
    "embedders": "List the face recognition networks, with their crops and licences.",
    "review": "Look at doubtful people in the browser, and merge or split them.",
}
"""Commands below `identify`, each in a module `identify_NAME` beside this one, with their summaries."""
GROUPS = {
    "Most used options": ("--workspace", "--threshold", "--false-matches", "--dry-run"),
    "Face recognition": ("--embedder", "--weights", "--input", "--faces-per-track", "--device"),
    "Many machines": ("--engine", "--ray-address"),
    "Repeated runs": ("--overwrite", "--wait"),
}
"""Headings of `fertools identify --help`, and the options below each."""


class _Identify(GroupedCommand):
    """A command that hands over to one below it if the first word is its name."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in SUBCOMMANDS:
            below = importlib.import_module(f"fertools.cli.identify_{args[0]}").command
            if not isinstance(below, click.Command):
                raise TypeError(f"fertools.cli.identify_{args[0]}.command is not a command")
            return below.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Subcommands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.command("identify", cls=_Identify, groups=GROUPS)
@workspace_option
@wait_option
@click.option(
    "--embedder", default=IdentifyOptions.embedder, show_default=True, help="Face recognition network to compare by."
)
@click.option(
    "--weights", default="", metavar="FILE", help="Weights of the network.  [default: those of its package or name]"
)
@click.option(
    "--input",
    default="",
    metavar="CROP",
    help="Crop of an ONNX network, such as arcface,112,rgb,-1..1.",
)
@click.option("--device", default=IdentifyOptions.device, show_default=True, help="Device of networks of torch.")
@click.option(
    "--faces-per-track",
    type=int,
    default=IdentifyOptions.faces_per_track,
    show_default=True,
    help="Number of faces to compare of each track, the best of equal stretches of time.",
)
@click.option(
    "--threshold", type=float, default=None, help="Cosine above which tracks are one person.  [default: calibrated]"
)
@click.option(
    "--false-matches",
    type=float,
    default=IdentifyOptions.false_matches,
    show_default=True,
    help="Share of pairs of different people that the calibrated threshold lets pass.",
)
@engine_options
@click.option("--overwrite", is_flag=True, help="Start again instead of adding to the people of an earlier run.")
@click.option("--dry-run", is_flag=True, help="Count the people without writing them.")
@json_option
def command(folder: Path, dry_run: bool, as_json: bool, **values: Any) -> int:
    """Find who is who across videos, and write it into the manifest.

    Tracks are compared by a face recognition network. Two faces in one frame are two people, and names from folders or
    tables stay. A second run adds new tracks and keeps the identifiers of people. It says which people are doubtful;
    look at them with `fertools identify review`.
    """
    from fertools.core.progress import Progress
    from fertools.faces.identity.identify import identify

    options = IdentifyOptions(**values)
    with Progress("identify", "faces") as report:
        summary = identify(open_workspace(folder), options, report, dry_run=dry_run)
    print_result(fields_of(summary), as_json)
    return 0
