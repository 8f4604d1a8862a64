"""`fertools pull URL`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.transfer.three_way import Preference


@click.command("pull")
@click.argument("url", metavar="URL")
@workspace_option
@wait_option
@click.option("--crops", is_flag=True, help="Also copy the crops.  [default: tables only]")
@click.option(
    "--prefer",
    type=click.Choice(["store", "here"]),
    default=None,
    help="Which labels to keep where both copies changed a face.  [default: refuse, exit 5]",
)
@json_option
def command(url: str, folder: Path, crops: bool, prefer: Preference | None, as_json: bool) -> int:
    """Copy a dataset, or what is new in it, from object storage.

    The manifest is rebuilt and equals, byte for byte, the one that was pushed. What exists only here stays. Run the
    same command again to resume after any stop.
    """
    from fertools.core.progress import Progress
    from fertools.transfer.pull import pull

    workspace = open_workspace(folder)
    with Progress("pull", "objects") as report:
        summary = pull(workspace, url, report, crops=crops, prefer=prefer)
    result = {
        "workspace": str(workspace.root),
        "parts": summary.parts,
        "objects in the store": summary.objects,
        "brought": summary.copied,
        "here already": summary.before,
        "tables rebuilt": summary.tables,
        "crops left there": summary.left,
        "in no part": summary.ignored,
        "bytes brought": summary.copied_bytes,
    }
    print_result(result, as_json)
    return 0
