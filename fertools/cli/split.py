"""`fertools split`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from fertools.cli.options import json_option, open_workspace, wait_option, workspace_option
from fertools.splits.protocol import GroupBy, SplitOptions

if TYPE_CHECKING:
    from fertools.splits.split_summary import SplitSummary


@click.command("split")
@workspace_option
@wait_option
@click.option("--folds", type=int, default=None, help="Number of folds for cross-validation.")
@click.option("--loso", is_flag=True, help="Leave one subject out (LOSO): one fold per subject.")
@click.option("--holdout", type=float, default=None, help="Share of the faces in the test set, such as 0.1.")
@click.option(
    "--group-by",
    type=click.Choice(get_args(GroupBy)),
    default=SplitOptions.group_by,
    show_default=True,
    help="What stays in one fold: all faces of a subject, or also all faces of a source.",
)
@click.option(
    "--seed",
    type=int,
    default=SplitOptions.seed,
    show_default=True,
    help="Random seed that breaks ties between equally good splits.",
)
@click.option("--overwrite", is_flag=True, help="Replace the existing split.")
@json_option
def command(
    folder: Path,
    folds: int | None,
    loso: bool,
    holdout: float | None,
    group_by: GroupBy,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Split the dataset into subject-independent folds, or into a training and a test set.

    No subject is in two folds. Expressions are spread evenly. A split that leaks or loses a class is refused.
    """
    from fertools.splits.split import split

    summary = split(
        open_workspace(folder),
        folds=folds,
        loso=loso,
        holdout=holdout,
        group_by=group_by,
        seed=seed,
        overwrite=overwrite,
    )
    _print(summary, as_json)
    return 0


def _print(summary: SplitSummary, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    labels = list(dict.fromkeys(label for part in summary.parts for label in part.emotions))
    table = Table(box=None, pad_edge=False)
    table.add_column(summary.protocol)
    for name in ("faces", "subjects", *labels):
        table.add_column(name, justify="right")
    for part in summary.parts:
        counts = (part.faces, part.subjects, *(part.emotions.get(label, 0) for label in labels))
        table.add_row(part.name, *(f"{count:,}" for count in counts))
    Console().print(table)
    click.echo(
        f"{summary.faces:,} faces of {summary.subjects:,} subjects in {summary.groups:,} groups that stay whole; "
        f"{'written' if summary.changed else 'nothing to change'}"
    )
    for warning in summary.warnings:
        click.echo(f"note: {warning}", err=True)
