"""`fertools recrop`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("recrop")
@workspace_option
@wait_option
@click.option(
    "--template",
    default="loose",
    show_default=True,
    help="Landmark template, or centre for sources that are face crops.",
)
@click.option("--crop-px", type=int, default=256, show_default=True, help="Side of the crops in pixels.")
@click.option("--crop-format", default="jpeg", show_default=True, help="jpeg (quality 95) or png.")
@json_option
def command(folder: Path, as_json: bool, **values: Any) -> int:
    """Write crops of another template or size, without detecting again.

    Crops are cut from the original files with the landmarks in the manifest, and written to faces/TEMPLATE-PX/. File
    names follow from face_id. Run the same command again to resume after any stop.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.ingestion.recrop import RecropOptions, recrop

    workspace = open_workspace(folder)
    options = RecropOptions(**values)
    with Progress("recrop", "files") as report:
        summary = recrop(workspace, options, report)
    result: dict[str, Any] = {
        "folder": str(summary.folder),
        "crops written": summary.written,
        "there before": summary.before,
        "faces without landmarks": summary.unplaced,
        "faces lost": summary.lost,
    }
    if as_json:
        result["failures"] = [{"source": name, "reason": reason} for name, reason in summary.failures]
    print_result(result, as_json)
    if summary.failures:
        raise ItemsFailed(f"{summary.lost} faces were not cut; {len(summary.failures)} sources are named above")
    return 0
