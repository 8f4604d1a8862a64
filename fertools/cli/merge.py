"""`fertools merge`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import (
    describe_summary,
    json_option,
    open_workspace,
    print_result,
    wait_option,
    workspace_option,
)


@click.command("merge")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR...]")
@workspace_option
@wait_option
@click.option("--copy", is_flag=True, help="Copy crops even where both folders could share one file.")
@json_option
def command(folders: tuple[Path, ...], folder: Path, copy: bool, as_json: bool) -> int:
    """Join workspaces that were ingested alike into one.

    Without DIR it joins the shards that `fertools ingest --shard I/N` made in this workspace. The manifest is byte for
    byte that of one ingest over all the sources. Run the same command again to go on after any stop.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.transfer.merge import merge

    workspace = open_workspace(folder)
    with Progress("merge", "files") as report:
        summary = merge(workspace, [open_workspace(other) for other in folders], report, copy=copy)
    print_result(describe_summary(workspace, summary, as_json), as_json)
    if failed := len(summary.failures):
        raise ItemsFailed(f"{failed} of {sum(summary.sources.values())} sources failed; see manifests/sources.parquet")
    return 0
