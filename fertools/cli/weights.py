"""`fertools weights`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, workspace_option


@click.command("weights")
@workspace_option
@json_option
def command(folder: Path, as_json: bool) -> int:
    """List published weights for training and evaluation, with source, licence, and where they are on this machine."""
    import json
    from dataclasses import asdict

    from fertools.training.networks.published_weights import list_weights, weight_folders, find_file

    workspace = open_workspace(folder)
    entries = [(entry, find_file(entry, workspace)) for entry in list_weights(workspace)]
    if as_json:
        listed = {entry.name: {**asdict(entry), "path": path and str(path)} for entry, path in entries}
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return 0
    for entry, path in entries:
        click.echo(f"{entry.name}  {'here: ' + str(path) if path else 'not here'}")
        click.echo(f"  {entry.network}, {entry.trained_on}; licence: {entry.licence}")
        click.echo(f"  {entry.url}")
    click.echo(f"\nlooked for in {', '.join(map(str, weight_folders(workspace)))}")
    return 0
