"""`fertools filter`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option
from fertools.cli.values import parse_min_face, read_by


@click.command("filter")
@workspace_option
@wait_option
@click.option(
    "--quality", default=None, help="Which faces to keep: keep-all, standard or strict.  [default: as before]"
)
@click.option(
    "--min-face",
    default=None,
    callback=read_by(parse_min_face),
    help="Smallest face to keep: pixels, or a share of the short side such as 10%.  [default: as before]",
)
@click.option(
    "--max-faces",
    type=int,
    default=None,
    help="Keep at most N faces per frame, largest first; 0 keeps all.  [default: as before]",
)
@click.option("--dry-run", is_flag=True, help="Count the changes without making them.")
@json_option
def command(folder: Path, dry_run: bool, as_json: bool, **values: Any) -> int:
    """Change which faces are kept, without detecting again.

    Every detected face has a row, so this takes seconds. Labels stay. A rejected face loses its fold; run
    `fertools split --overwrite` to assign folds to faces that are kept again.
    """
    from fertools.core.progress import Progress
    from fertools.ingestion.filter import FilterOptions, filter_faces

    with Progress("filter", "parts") as report:
        summary = filter_faces(open_workspace(folder), FilterOptions(**values), report, dry_run=dry_run)
    print_result(fields_of(summary), as_json)
    return 0
