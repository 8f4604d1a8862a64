"""`fertools push URL`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("push")
@click.argument("url", metavar="URL")
@workspace_option
@wait_option
@click.option(
    "--allow-restricted", is_flag=True, help="Send datasets whose terms forbid passing their pictures on, too."
)
@json_option
def command(url: str, folder: Path, allow_restricted: bool, as_json: bool) -> int:
    """Copy the dataset to object storage, such as s3://bucket/name.

    This copies crops, manifest parts, the manifest, and shards that are not merged yet. Objects that exist are skipped.
    Run the same command again to resume after any stop, or to send what is new.
    """
    from fertools.core.progress import Progress
    from fertools.transfer.push import push

    workspace = open_workspace(folder)
    with Progress("push", "objects") as report:
        summary = push(workspace, url, report, allow_restricted=allow_restricted)
    result = {
        "store": url,
        "parts": summary.parts,
        "objects": summary.objects,
        "sent": summary.copied,
        "there already": summary.before,
        "bytes sent": summary.copied_bytes,
    }
    print_result(result, as_json)
    return 0
