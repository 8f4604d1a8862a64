"""`fertools split`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fertools.cli.options import json_option, open_workspace, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.splits.split import SplitSummary


@click.command("split")
@workspace_option
@wait_option
@click.option("--folds", type=int, default=None, help="K folds for cross-validation.")
@click.option("--loso", is_flag=True, help="Leave one subject out: one fold per subject.")
@click.option("--holdout", type=float, default=None, help="Share of the faces to hold out for testing, such as 0.1.")
@click.option(
    "--group-by",
    type=click.Choice(["subject", "source"]),
    default="subject",
    show_default=True,
    help="What is never parted: a subject, or also all faces of a source.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Breaks ties between equally good splits.")
@click.option("--overwrite", is_flag=True, help="Replace the split that is there.")
@json_option
def command(
    folder: Path,
    folds: int | None,
    loso: bool,
    holdout: float | None,
    group_by: Literal["subject", "source"],
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Part subjects into folds or a hold-out, so that no person is on two sides and every part has every expression."""
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
