"""Options that several commands share, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fertools.annotations.app.address import Address
from fertools.core.locking import waiting
from fertools.core.workspace import Workspace

if TYPE_CHECKING:
    from fertools.ingestion.ingest import IngestSummary

Function = TypeVar("Function", bound=Callable[..., Any])


def workspace_option(function: Function) -> Function:
    """Add `--workspace/-w`, passed on as `folder`."""
    return click.option(
        "-w",
        "--workspace",
        "folder",
        type=click.Path(path_type=Path),
        default=Path(),
        help="Folder of the dataset.  [default: this folder]",
    )(function)


def page_options(port: int) -> Callable[[Function], Function]:
    """Add `--host`, `--port`, `--token` and `--no-browser`, the options of commands that serve a page.

    Args:
        port: default port.
    """
    options = (
        click.option(
            "--host",
            default=Address.host,
            show_default=True,
            help="Address to serve the page at; any other needs --token.",
        ),
        click.option(
            "--port", type=int, default=port, show_default=True, help="Port of the page; 0 takes any free one."
        ),
        click.option("--token", default=None, help="Secret that opens the page."),
        click.option("--no-browser", is_flag=True, help="Print the address without opening a browser."),
    )

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def wait_option(function: Function) -> Function:
    """Add `--wait`: start when the command that now changes the dataset ends."""

    def begin(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            context.with_resource(waiting())

    return click.option(
        "--wait",
        is_flag=True,
        expose_value=False,
        callback=begin,
        help="Wait for another command that changes this dataset, instead of refusing.",
    )(function)


def engine_options(function: Function) -> Function:
    """Add `--engine` and `--ray-address`."""
    function = click.option(
        "--ray-address",
        default=None,
        help="Address of the Ray cluster: auto or HOST:PORT.  [default: a new one on this machine]",
    )(function)
    return click.option(
        "--engine",
        default="local",
        show_default=True,
        help="Where to run: local, or ray for a cluster.",
    )(function)


def json_option(function: Function) -> Function:
    """Add `--json`, passed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def open_workspace(folder: Path) -> Workspace:
    """Return the workspace in `folder`."""
    return Workspace(folder)


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """Print a result as JSON, or as aligned lines of name and value."""
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    width = max((len(name) for name in result), default=0)
    for name, value in result.items():
        click.echo(f"{name:<{width}}  {describe(value)}")


def fields_of(summary: object) -> dict[str, Any]:
    """Return the fields of a summary under names to be read."""
    return {name.replace("_", " "): value for name, value in vars(summary).items()}


def describe_summary(workspace: Workspace, summary: IngestSummary, as_json: bool) -> dict[str, Any]:
    """Return what an ingest or a merge prints: the totals of `workspace`, and as JSON each source that failed."""
    result: dict[str, Any] = {
        "manifest": str(workspace.manifest),
        "files given": summary.given,
        "passed over": summary.passed_over,
        "sources": summary.sources,
        "sources gone": len(summary.gone),
        "worked on now": summary.new_sources,
        "frames searched": summary.frames,
        "faces detected": summary.detected,
        "faces interpolated": summary.interpolated,
        "faces kept": summary.faces_kept,
        "faces rejected": summary.faces_rejected,
        "subjects": summary.subjects,
        "emotions": {str(label or "unknown"): count for label, count in sorted(summary.emotions.items(), key=str)},
    }
    if as_json:
        result["gone"] = list(summary.gone)
        result["failures"] = [{"source": name, "reason": reason} for name, reason in summary.failures]
    return result


def describe(value: Any) -> str:
    """Return a value as words: counts as `3 done, 1 failed`, names separated by commas, nothing as `none`."""
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {name}" for name, count in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
