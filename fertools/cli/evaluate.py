"""`fertools evaluate RUN...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.training.reports.table_formatting import TableFormat

_FORMS = ("text", "markdown", "latex")
GROUPS = {
    "Most used options": ("--workspace", "--format", "--device"),
    "Runs that generate faces": (
        "--judge",
        "--features",
        "--identity",
        "--gan-train",
        "--drawn",
        "--people-probe",
        "--nearest",
        "--allow-leaks",
    ),
    "Run": ("--seed", "--wait"),
}
"""Headings of `fertools evaluate --help`, and the options below each."""


@click.command("evaluate", cls=GroupedCommand, groups=GROUPS)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@workspace_option
@wait_option
@click.option(
    "--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="Format of the tables."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the subsets for KID."
)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="RUN",
    help="Classifier run, or public, that judges the generated faces.",
)
@click.option("--features", default="", metavar="WEIGHTS", help="Inception weights for FID and KID: name or path.")
@click.option("--identity", default="", metavar="WEIGHTS", help="Facenet weights for identity: name or path.")
@click.option(
    "--gan-train", is_flag=True, help="Train a classifier on generated faces alone, with the recipe of each judge."
)
@click.option("--drawn", is_flag=True, help="Compare translations of drawn people with the true images.")
@click.option("--people-probe", is_flag=True, help="Test whether generated faces still show who the person is.")
@click.option(
    "--nearest", is_flag=True, help="Find the nearest real face of each generated face: a table and a picture."
)
@click.option(
    "--allow-leaks", is_flag=True, help="Take judges that were trained on people whose faces were translated."
)
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@json_option
def command(
    runs: tuple[str, ...],
    folder: Path,
    form: TableFormat,
    seed: int,
    judges: tuple[str, ...],
    features: str,
    identity: str,
    gan_train: bool,
    drawn: bool,
    people_probe: bool,
    nearest: bool,
    allow_leaks: bool,
    device: str,
    as_json: bool,
) -> int:
    """Compute the metrics of runs from their predictions, with intervals, beside baselines that use no image.

    RUN is SYSTEM/RUN, another folder below training/, or a path. Several runs are shown side by side. To test
    classifiers for differences, use `fertools compare`.

    Runs that generate faces, such as stargan/cpu, are evaluated on translations of held-out faces. --judge, --features
    and --identity name other networks; their outputs are stored, so name them once. --drawn compares translations of
    people drawn by `fertools sample` with the true images, and trains a classifier on other drawn people.
    --people-probe fits a linear classifier of people to some generated faces of each person, and tests it on others.
    --nearest writes nearest-faces.csv and nearest-faces.png into the folder of the run.
    """
    from fertools.core.progress import Progress
    from fertools.training.evaluation.evaluation_options import EvaluationOptions
    from fertools.training.jobs.evaluate import assess_runs, evaluate_runs
    from fertools.training.reports.result_tables import detail_tables, metric_tables
    from fertools.training.reports.table_formatting import format_table
    from fertools.training.reports.translation_tables import translator_tables
    from fertools.training.reports.translator_comparison import translator_comparison_tables

    workspace = open_workspace(folder)
    options = EvaluationOptions(
        judges, features, identity, gan_train, drawn, people_probe, nearest, allow_leaks, device
    )
    if options.any_work:
        with Progress("evaluate", "steps") as report:
            assess_runs(workspace, runs, options, report=report)
    evaluation = evaluate_runs(workspace, runs, seed=seed)
    for name, leaks in evaluation.leaks.items():
        more = f" ({len(leaks) - 1} more like it)" * (len(leaks) > 1)
        click.echo(f"fertools: warning: test people of {name} had a part in its training: {leaks[0]}{more}", err=True)
    found = evaluation.figures
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    tables = metric_tables(found["runs"])
    if len(runs) == 1:
        tables += detail_tables(next(iter(found["runs"].values())))
    tables += translator_comparison_tables(found["translators"])
    for name, scores in found["runs"].items():
        if "translation" in scores:
            tables += translator_tables(name, scores["translation"])
    click.echo("\n\n".join(format_table(result_table, form) for result_table in tables))
    return 0
