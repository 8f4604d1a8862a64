"""`fertools validate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, workspace_option


@click.command("validate")
@workspace_option
@click.option("--deep", is_flag=True, help="Also decode every crop.")
@json_option
def command(folder: Path, deep: bool, as_json: bool) -> int:
    """Check every invariant of the manifest; exit 4 if one is violated."""
    from fertools.core.errors import CheckFailed
    from fertools.manifests.validation import validate

    workspace = open_workspace(folder)
    report = validate(workspace, deep=deep)
    if as_json:
        click.echo(json.dumps([vars(violation) for violation in report.violations], indent=2, default=list))
    else:
        for violation in report.violations:
            click.echo(f"{violation.invariant}: {violation.message}")
    if not report.ok:
        count = len(report.violations)
        raise CheckFailed(f"{workspace.manifest} breaks {count} invariant{'s' if count > 1 else ''}, listed above")
    if not as_json:
        click.echo(f"{workspace.manifest} is valid")
    return 0
