"""`fertools evaluate RUN...`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.options import json_option, open_workspace, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.training.reports.table_formatting import TableFormat

_FORMS = ("text", "markdown", "latex")


@click.command("evaluate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@workspace_option
@wait_option
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="Of the tables.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the subsets for KID.")
@click.option("--judge", "judges", multiple=True, metavar="RUN", help="Classifier that reads made faces.")
@click.option("--features", default="", metavar="WEIGHTS", help="Of Inception, for FID and KID: name or path.")
@click.option("--identity", default="", metavar="WEIGHTS", help="Of facenet, for whom made faces show: name or path.")
@click.option("--gan-train", is_flag=True, help="Train a classifier by each judge's recipe on made faces alone.")
@click.option("--drawn", is_flag=True, help="Compare translations of drawn people with the true pictures.")
@click.option("--device", default="auto", show_default=True, help="For these: auto, cpu, cuda, cuda:1 or mps.")
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
    device: str,
    as_json: bool,
) -> int:
    """Compute every figure of runs from their predictions, with intervals, beside guesses that look at no face.

    RUN is SYSTEM/RUN, another folder below training/, or a path to one. Several runs are set side by side, and every
    two are tested for a difference on the faces that both have classified.

    Of a run that makes faces, such as stargan/cpu, figures are of what it made of held-out faces: how well they come
    back, and what other networks see in them. Name these networks once; what they say is kept. Of people that
    `fertools sample` has drawn the true picture of what was asked for exists: --drawn compares with it, and trains a
    classifier on other drawn people that reads both.
    """
    from fertools.core.progress import Progress
    from fertools.training.jobs.evaluate import assess_runs, evaluate_runs
    from fertools.training.reports.result_tables import comparison_tables, detail_tables, metric_tables
    from fertools.training.reports.table_formatting import format_table
    from fertools.training.reports.translation_tables import translator_tables
    from fertools.training.reports.translator_comparison import translator_comparison_tables

    workspace = open_workspace(folder)
    if judges or features or identity or gan_train or drawn:
        networks: dict[str, Any] = {"judges": judges, "features": features, "identity": identity}
        networks |= {"gan_train": gan_train, "drawn": drawn}
        with Progress("evaluate", "steps") as report:
            assess_runs(workspace, runs, **networks, device=device, report=report)
    found = evaluate_runs(workspace, runs, seed=seed)
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
    tables += comparison_tables(found["comparisons"])
    click.echo("\n\n".join(format_table(result_table, form) for result_table in tables))
    return 0
