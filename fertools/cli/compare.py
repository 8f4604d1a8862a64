"""`fertools compare RUN...`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, workspace_option

if TYPE_CHECKING:
    from fertools.training.reports.table_formatting import TableFormat

_FORMS = ("text", "markdown", "latex")
_LONGEST = 24
"""Longest name of a run that tables in the terminal repeat; longer ones become numbers."""
GROUPS = {
    "Most used options": ("--workspace", "--on", "--unseen", "--common", "--format"),
    "What is compared": ("--experiment", "--modality", "--against", "--allow-leaks"),
    "Run": ("--name", "--device"),
}
"""Headings of `fertools compare --help`, and the options below each."""


@click.command("compare", cls=GroupedCommand, groups=GROUPS)
@click.argument("runs", nargs=-1, metavar="RUN...")
@workspace_option
@click.option("--on", multiple=True, metavar="DATASET", help="Let every run predict the faces of this dataset.")
@click.option("--unseen", is_flag=True, help="With --on, test only on people whom no run has learned from.")
@click.option("--common", is_flag=True, help="Take the faces and classes that all runs have, if they differ.")
@click.option(
    "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="Format of the tables."
)
@click.option(
    "--experiment", "experiments", multiple=True, metavar="NAME", help="Compare the methods of an experiment, too."
)
@click.option("--modality", default=None, help="With --on, modality of the faces.  [default: that of the runs]")
@click.option("--against", default=None, metavar="RUN", help="Test all others against this run, not every pair.")
@click.option("--allow-leaks", is_flag=True, help="Test also on people that a run has learned from.")
@click.option("--name", default="comparison", show_default=True, help="Name of the folder of the report.")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@json_option
def command(
    runs: tuple[str, ...],
    folder: Path,
    on: tuple[str, ...],
    unseen: bool,
    common: bool,
    form: TableFormat,
    experiments: tuple[str, ...],
    modality: str | None,
    against: str | None,
    allow_leaks: bool,
    name: str,
    device: str,
    as_json: bool,
) -> int:
    """Compare runs of any systems on one test set, with paired tests, and write a report.

    RUN is SYSTEM/RUN, another folder below training/, or a path. The runs are compared on the faces that all of them
    were tested on. Runs that were tested on other faces, or know other classes, are refused.

    With --on, every run predicts the faces of a dataset of this workspace, whatever it was trained on. RUN may then be
    a file in the folder models/ of a run. A run that has learned from the people of the test set is refused.

    The report is training/comparisons/NAME/report.html.
    """
    from fertools.core.progress import Progress
    from fertools.training.jobs.compare import compare_runs
    from fertools.training.reports.comparison_report import describe_left_out, side_by_side_tables
    from fertools.training.reports.table_formatting import format_table

    workspace = open_workspace(folder)
    with Progress("compare", "faces") as report:
        result = compare_runs(
            workspace,
            runs,
            experiments=experiments,
            on=on,
            modality=modality,
            unseen=unseen,
            common=common,
            against=against,
            name=name,
            allow_leaks=allow_leaks,
            device=device,
            report=report,
        )
    figures = dict(result.evaluation.figures)
    for sentences in result.evaluation.leaks.values():
        more = f" ({len(sentences) - 1} more like it)" * (len(sentences) > 1)
        click.echo(f"fertools: warning: {sentences[0]}{more}", err=True)
    if unrecorded := figures["unrecorded"]:
        learned = f"nothing is recorded of the people that {', '.join(unrecorded)} learned from"
        click.echo(f"fertools: warning: {learned}, so leaks were not checked there", err=True)
    if as_json:
        click.echo(json.dumps(figures | {"report": str(result.report)}, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    click.echo(f"test set: {figures['test_set']}; {result.faces:,} faces of {result.people:,} people")
    if left_out := describe_left_out(figures):
        click.echo(left_out)
    width = shutil.get_terminal_size().columns if form == "text" else None
    if form == "text" and max(map(len, figures["runs"])) > _LONGEST:
        numbers = {run: str(number) for number, run in enumerate(figures["runs"], 1)}
        click.echo("\n" + "\n".join(f"{number}  {run}" for run, number in numbers.items()))
        figures = _renamed(figures, numbers)
    click.echo("\n" + "\n\n".join(format_table(table, form, width) for table in side_by_side_tables(figures)))
    click.echo(f"\nreport  {result.report}")
    return 0


def _renamed(figures: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the figures of a comparison with other names of the runs."""
    tests = [
        entry | {"first": names[entry["first"]], "second": names[entry["second"]]} for entry in figures["comparisons"]
    ]
    return figures | {
        "runs": {names[run]: scores for run, scores in figures["runs"].items()},
        "comparisons": tests,
    }
