"""`fertools select`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("select")
@workspace_option
@wait_option
@click.option(
    "--frames",
    required=True,
    help="Frames to keep of each sequence: all, first:N, last:N, middle:N, every:N, apex or apex:N.",
)
@click.option("--dataset", default=None, help="Select frames of this dataset only.  [default: every dataset]")
@click.option("--modality", default=None, help="Select frames of this modality only.  [default: every modality]")
@click.option("--dry-run", is_flag=True, help="Count the changes without making them.")
@json_option
def command(folder: Path, dry_run: bool, as_json: bool, **values: Any) -> int:
    """Choose which frames of each sequence take part.

    A sequence is a track of a video, or the pictures with one sequence_id. Faces of other frames are rejected as
    not_selected and lose their fold. Later ingests, filters and merges apply the rule again. `--frames all` takes it
    back.
    """
    from fertools.ingestion.select_frames import SelectOptions, select_frames

    summary = select_frames(open_workspace(folder), SelectOptions(**values), dry_run=dry_run)
    print_result(fields_of(summary), as_json)
    return 0
