"""`fertools show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import json_option, open_workspace, workspace_option


@click.command("show")
@workspace_option
@click.option(
    "--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write a contact sheet to this PNG file."
)
@click.option("--faces", type=int, default=70, show_default=True, help="Maximum number of faces on the sheet.")
@click.option("--rejected", is_flag=True, help="Show rejected faces with their reasons instead of kept ones.")
@json_option
def command(folder: Path, sheet: Path | None, faces: int, rejected: bool, as_json: bool) -> int:
    """Show faces, subjects and sources per label, or draw a contact sheet."""
    workspace = open_workspace(folder)
    if sheet is not None:
        from fertools.manifests.contact_sheet import ContactSheetOptions, draw_contact_sheet

        count = draw_contact_sheet(workspace, sheet, ContactSheetOptions(faces=faces, rejected=rejected))
        click.echo(f"{count} faces on {sheet}")
        return 0
    from fertools.manifests.summary import count_labels

    rows = [{**vars(count), "label": count.label or "no label"} for count in count_labels(workspace)]
    _print(rows, as_json)
    return 0


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    import json

    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("label", "faces", "subjects", "sources", "valence", "arousal"):
        table.add_column(name, justify="left" if name == "label" else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:+.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
