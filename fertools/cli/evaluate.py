"""`fertools evaluate RUN...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fertools.cli.options import json_option, open_workspace, workspace_option

if TYPE_CHECKING:
    from fertools.training.writing import Form

_FORMS = ("text", "markdown", "latex")


@click.command("evaluate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@workspace_option
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="Of the tables.")
@click.option("--replicates", type=click.IntRange(100), default=2000, show_default=True, help="Draws of people anew.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of these draws.")
@json_option
def command(runs: tuple[str, ...], folder: Path, form: Form, replicates: int, seed: int, as_json: bool) -> int:
    """Compute every figure of runs from their predictions, with intervals, beside guesses that look at no face.

    RUN is SYSTEM/RUN, another folder below training/, or a path to one. Several runs are set side by side, and every
    two are tested for a difference on the faces that both have classified.
    """
    from fertools.training.evaluating import evaluate_runs
    from fertools.training.sheets import comparison_sheets, detail_sheets, result_sheets
    from fertools.training.writing import write_sheet

    found = evaluate_runs(open_workspace(folder), runs, replicates=replicates, seed=seed)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    sheets = result_sheets(found["runs"])
    if len(runs) == 1:
        sheets += detail_sheets(next(iter(found["runs"].values())))
    sheets += comparison_sheets(found["comparisons"])
    click.echo("\n\n".join(write_sheet(sheet, form) for sheet in sheets))
    return 0
