"""`fertools filter`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("filter")
@workspace_option
@wait_option
@click.option("--quality", default=None, help="Faces to keep: keep-all, standard or strict.  [default: as before]")
@click.option(
    "--min-face", default=None, help="Smallest face to keep: pixels, or a share such as 10%.  [default: as before]"
)
@click.option(
    "--max-faces", type=int, default=None, help="Keep at most N faces per frame; 0 is all.  [default: as before]"
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@json_option
def command(folder: Path, dry_run: bool, as_json: bool, **values: Any) -> int:
    """Decide again which faces are kept, without detecting again.

    Every face that was found has a row, so a stricter or a looser choice costs seconds. Labels stay. A face that is
    rejected leaves its fold; run `fertools split --overwrite` to give folds to faces that are kept again.
    """
    from fertools.core.progress import Progress
    from fertools.ingestion.filter import FilterOptions, filter_faces

    with Progress("filter", "parts") as report:
        summary = filter_faces(open_workspace(folder), FilterOptions(**values), report, dry_run=dry_run)
    print_result(fields_of(summary), as_json)
    return 0
