"""`fertools forget`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("forget")
@workspace_option
@wait_option
@click.option("--subject", "subjects", multiple=True, metavar="ID", help="A person, with all faces. Repeatable.")
@click.option(
    "--source", "sources", multiple=True, metavar="PATH|ID", help="A video or picture, with all faces. Repeatable."
)
@click.option("--face", "faces", multiple=True, metavar="ID", help="A single face. Repeatable.")
@click.option(
    "--also",
    "others",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Another workspace that has copies of these faces. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be removed, and change nothing.")
@json_option
def command(folder: Path, others: tuple[Path, ...], dry_run: bool, as_json: bool, **values: Any) -> int:
    """Remove people, videos or single faces for good.

    Rows, crops, caches, ratings, predictions and generated faces are removed here, in shards, in merged workspaces and
    in stores. Tombstones stop `fertools ingest`, `fertools merge` and `fertools pull` from bringing them back. The
    summary names the trained models that saw the people, and the original files, which stay. Run the same command again
    to resume after any stop. Without a choice, it resumes the last one.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.transfer.forget import forget

    workspace = open_workspace(folder)
    with Progress("forget", "workspaces") as report:
        summary = forget(
            workspace, **values, others=[open_workspace(other) for other in others], dry_run=dry_run, report=report
        )
    print_result(fields_of(summary), as_json)
    if failed := len(summary.unreached):
        raise ItemsFailed(f"{failed} of {len(summary.stores)} stores could not be cleaned; run forget again")
    return 0
