"""`fertools train SYSTEM`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.core.workspace import Workspace
    from fertools.training.jobs.train import TrainResult
    from fertools.training.runs.configuration import RunConfiguration

GROUPS = {
    "Most used options": ("--workspace", "--preset", "--set", "--run", "--device"),
    "Information": ("--list", "--explain"),
    "Run": ("--seed", "--resume", "--allow-leaks", "--tensorboard", "--wait"),
}
"""Headings of `fertools train --help`, and the options below each."""


@click.command("train", cls=GroupedCommand, groups=GROUPS)
@click.argument("system", required=False, metavar="SYSTEM")
@workspace_option
@wait_option
@click.option("--preset", default=None, help="Named recipe; --list shows them.  [default: chosen for the device]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the recipe, such as lr=2e-4. Repeat it for more keys.",
)
@click.option("--seed", type=int, default=None, help="Random seed, the same as --set seed=N.  [default: 0]")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@click.option("--run", default=None, help="Name of the run and its folder.  [default: name of the preset]")
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Resume the run of that name, or remove it and start again.",
)
@click.option("--tensorboard", is_flag=True, help="Also write losses and samples for TensorBoard.")
@click.option(
    "--allow-leaks",
    is_flag=True,
    help="Train even if start weights, the judge or a generator have learned from held-out people.",
)
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="List the systems with what each needs and what is here, and stop.",
)
@click.option("--explain", is_flag=True, help="Show every key of the recipe with its value and origin, and stop.")
@json_option
def command(
    system: str | None,
    folder: Path,
    preset: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    device: str,
    run: str | None,
    resume: bool,
    tensorboard: bool,
    allow_leaks: bool,
    listing: bool,
    explain: bool,
    as_json: bool,
) -> int:
    """Train a system on the manifest, hold out one fold, and write a report.

    SYSTEM is what to train, such as stargan. The run is written to training/SYSTEM/RUN/. Stop it at any time; the same
    command resumes it. Without a GPU the default is a small preset. The terminal shows the expected time.
    """
    from fertools.training.runs.configuration import configure_run
    from fertools.training.systems.registry import registered_systems

    workspace = open_workspace(folder)
    overrides = [*settings, *([f"seed={seed}"] if seed is not None else [])]
    if listing:
        _print_systems(workspace, system, preset, overrides, device, as_json)
        return 0
    if system is None:
        raise click.UsageError(f"say what to train: {', '.join(registered_systems())}", click.get_current_context())
    # A mistake in the recipe is answered here, before the seconds that importing what follows takes.
    configuration = configure_run(system, preset=preset, overrides=overrides, device=device, workspace=workspace.root)
    if explain:
        _print_recipe(configuration, as_json)
        return 0
    from fertools.core.progress import Progress
    from fertools.training.jobs.train import train

    with Progress("train", "iterations") as report:
        result = train(
            workspace,
            system,
            preset=preset,
            overrides=overrides,
            device=device,
            run=run,
            resume=resume,
            tensorboard=tensorboard,
            allow_leaks=allow_leaks,
            report=report,
        )
    # Of several processes that train together, one speaks.
    if result.first_process:
        print_result(_described(result), as_json)
    return 0


def _described(result: TrainResult) -> dict[str, Any]:
    """Return a result under names to be read."""
    figures = result.evaluation.figures
    return {
        "report": str(result.report),
        "run": f"{result.system}/{result.run}",
        "preset": result.preset,
        "device": result.device,
        "iterations": result.iterations,
        "of these now": result.new_iterations,
        "held-out faces": figures["faces"],
        **{
            name.replace("_", " "): round(value, 4)
            for name, value in figures.items()
            if name != "faces" and isinstance(value, float)
        },
    }


def _print_systems(
    workspace: Workspace, system: str | None, preset: str | None, overrides: list[str], device: str, as_json: bool
) -> None:
    from fertools.cli.system_table import describe_systems, format_systems
    from fertools.training.jobs.system_list import list_systems

    systems = list_systems(workspace, system=system, preset=preset, overrides=overrides, device=device)
    if as_json:
        click.echo(json.dumps(describe_systems(systems), indent=2, ensure_ascii=False))
        return
    click.echo(format_systems(systems, all_presets=system is not None))


def _print_recipe(configuration: RunConfiguration, as_json: bool) -> None:
    resolved = configuration.resolved
    record = resolved.record()
    if as_json:
        described = {
            "system": resolved.system,
            "preset": resolved.preset,
            "device": configuration.device,
            "recipe": record,
        }
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    from fertools.training.recipes.recipe import ORIGINS
    from fertools.training.recipes.values import write_value

    click.echo(f"{resolved.system}, preset {resolved.preset}, on {configuration.device}\n")
    values = {name: write_value(entry["value"]) for name, entry in record.items()}
    columns = max(map(len, values)), max(map(len, values.values())), max(map(len, ORIGINS))
    for name, entry in record.items():
        tag = entry["origin"]
        click.echo(f"{name:<{columns[0]}}  {values[name]:<{columns[1]}}  {tag:<{columns[2]}}  {entry['note']}")
    click.echo()
    for tag in dict.fromkeys(entry["origin"] for entry in record.values()):
        click.echo(f"{tag:<{columns[2]}}  {ORIGINS[tag]}")
