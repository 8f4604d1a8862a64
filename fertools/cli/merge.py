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
@click.option("--copy", is_flag=True, help="Copy crops even where a hard link would do.")
@json_option
def command(folders: tuple[Path, ...], folder: Path, copy: bool, as_json: bool) -> int:
    """Join workspaces that were ingested with the same options.

    Without DIR, join the shards that `fertools ingest --shard I/N` wrote in this workspace. The manifest equals, byte
    for byte, that of a single ingest of all sources. Run the same command again to resume after any stop.
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
