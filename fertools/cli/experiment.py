"""`fertools experiment NAME`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import engine_options, json_option, open_workspace, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.core.spreading import Engine
    from fertools.core.workspace import Workspace
    from fertools.training.experiments.definition import Experiment
    from fertools.training.reports.table_formatting import TableFormat

GROUPS = {
    "Most used options": ("--workspace", "--protocol", "--preset", "--device", "--format"),
    "Information": ("--list", "--dry-run"),
    "Many machines": ("--fold", "--step", "--engine", "--ray-address", "--wait"),
}
"""Headings of `fertools experiment --help`, and the options below each."""


@click.command("experiment", cls=GroupedCommand, groups=GROUPS)
@click.argument("name", required=False, metavar="NAME")
@workspace_option
@wait_option
@click.option("--protocol", default=None, help="Protocol of the experiment.  [default: the first that it names]")
@click.option("--preset", default=None, help="Preset of the experiment.  [default: its steps as written]")
@click.option("--fold", type=click.IntRange(0), default=None, help="Run only this fold, for a job array.")
@click.option("--step", default=None, help="Run only this step.")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@engine_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "latex"]),
    default="text",
    show_default=True,
    help="Format of the tables.",
)
@click.option("--list", "listing", is_flag=True, help="List the experiments, and stop.")
@click.option("--dry-run", is_flag=True, help="Check the experiment for leaks, list its runs, and stop.")
@json_option
def command(
    name: str | None,
    folder: Path,
    protocol: str | None,
    preset: str | None,
    fold: int | None,
    step: str | None,
    device: str,
    engine: Engine,
    ray_address: str | None,
    form: TableFormat,
    listing: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run a paper's whole protocol, fold by fold, and compare the results with those of the paper.

    Stop it at any time; the same command resumes it. Runs are written to training/SYSTEM/, metrics and the report to
    training/experiments/NAME/.
    """
    workspace = open_workspace(folder)
    from fertools.training.experiments.definition import list_experiments, read_experiment

    if listing:
        listed = list_experiments(workspace.root)
        width = max(map(len, listed), default=0)
        click.echo(
            json.dumps(listed, indent=2, ensure_ascii=False)
            if as_json
            else "\n".join(f"{key:<{width}}  {title}" for key, title in listed.items())
        )
        return 0
    if name is None:
        raise click.UsageError("say which experiment; --list shows them", click.get_current_context())
    experiment = read_experiment(name, workspace.root, protocol=protocol, preset=preset)
    if dry_run:
        _print_plan(workspace, experiment, as_json)
        return 0
    from fertools.core.progress import Progress
    from fertools.training.experiments.execution import run_experiment

    with Progress("experiment", "iterations") as report:
        result = run_experiment(
            workspace,
            name,
            protocol=protocol,
            preset=preset,
            fold=fold,
            step=step,
            device=device,
            engine=engine,
            ray_address=ray_address,
            report=report,
        )
    if as_json:
        told = {
            "folder": str(result.folder),
            "finished": result.finished,
            "runs": result.runs,
            "done": result.done,
            **(result.evaluation.figures if result.evaluation else {}),
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False))
    elif result.evaluation is not None:
        from fertools.training.reports.experiment_tables import experiment_tables
        from fertools.training.reports.table_formatting import format_table

        tables = experiment_tables(result.evaluation.figures)
        click.echo("\n\n".join(format_table(result_table, form) for result_table in tables))
    else:
        click.echo(f"{result.done} of {result.runs} tested runs are done; the figures come with the last")
    return 0


def _print_plan(workspace: Workspace, experiment: Experiment, as_json: bool) -> None:
    """Show every run of an experiment, and what leaks in it."""
    from fertools.training.experiments.audit import audit
    from fertools.training.experiments.graph import describe_budget, find_folds, list_tasks
    from fertools.training.experiments.shared_classes import refuse_differing_classes

    folds = find_folds(workspace, experiment)
    tasks = list_tasks(workspace, experiment, folds)
    refuse_differing_classes(workspace, tasks)
    leaks = audit(workspace, experiment, folds, tasks)
    if as_json:
        runs = [
            {
                "run": task.run,
                "kind": task.step.kind,
                "folders": list(task.folders),
                "preset": getattr(task.step, "preset", None),
                "set": list(task.overrides),
            }
            for task in tasks
        ]
        plan = {"experiment": experiment.name, "runs": runs, "leaks": leaks}
        click.echo(json.dumps(plan, indent=2, ensure_ascii=False))
        return
    for task in tasks:
        click.echo(f"{task.step.kind}  {' '.join(task.folders)}  {' '.join(task.overrides)}".rstrip())
    for leak in leaks:
        click.echo(f"leak: {leak}")
    click.echo(f"{experiment.name}: {describe_budget(workspace, tasks)}")
