"""`fertools collect WORD`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option

GROUPS = {
    "Most used options": ("--urls", "--limit", "--out", "--workspace", "--dry-run"),
    "Which videos": ("--search", "--min-s", "--max-s", "--max-height-px", "--licence"),
    "Network": (
        "--retries",
        "--backoff-s",
        "--rate-limit",
        "--pause-s",
        "--cool-down-s",
        "--cool-downs",
        "--cookies",
        "--wait",
    ),
}
"""Headings of `fertools collect --help`, and the options below each."""


@click.command("collect", cls=GroupedCommand, groups=GROUPS)
@click.argument("word", required=False, metavar="[WORD]")
@workspace_option
@wait_option
@click.option(
    "--urls", type=click.Path(path_type=Path), default=None, help="Take the addresses in this file, one in each line."
)
@click.option("--out", type=click.Path(), default="videos", show_default=True, help="Folder of the videos.")
@click.option("--limit", type=int, default=20, show_default=True, help="Number of videos to have for a word.")
@click.option("--search", default="ytsearch", show_default=True, help="Search of yt-dlp.")
@click.option("--min-s", type=float, default=0.0, show_default=True, help="Shortest video in seconds.")
@click.option("--max-s", type=float, default=600.0, show_default=True, help="Longest video in seconds.")
@click.option("--max-height-px", type=int, default=1080, show_default=True, help="Largest height of the picture.")
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="TEXT",
    help="Take only videos whose stated licence contains this text. Repeat it for more.  [default: all]",
)
@click.option("--retries", type=int, default=3, show_default=True, help="Further attempts after a network failure.")
@click.option(
    "--backoff-s", type=float, default=2.0, show_default=True, help="Seconds before the second attempt; then doubled."
)
@click.option("--rate-limit", type=int, default=None, help="Largest number of bytes per second.  [default: none]")
@click.option("--pause-s", type=float, default=1.0, show_default=True, help="Seconds between two videos.")
@click.option(
    "--cool-down-s", type=float, default=300.0, show_default=True, help="Seconds to wait if the site limits requests."
)
@click.option("--cool-downs", type=int, default=3, show_default=True, help="Stop after N of these waits.")
@click.option("--cookies", type=click.Path(path_type=Path), default=None, help="File of cookies in Netscape's format.")
@click.option("--dry-run", is_flag=True, help="List what would be downloaded, and download nothing.")
@json_option
def command(
    word: str | None,
    folder: Path,
    urls: Path | None,
    out: Path,
    as_json: bool,
    licences: tuple[str, ...],
    **values: Any,
) -> int:
    """Download videos by a word for an expression, such as happiness, or from a list of addresses.

    The lexicon has the search terms. Each video is in a folder that is named after its expression, which `ingest`
    reads, and has a row in provenance.csv. Run the same command again to continue. Respect the terms of the site and
    the rights of the people in the videos.
    """
    from dataclasses import asdict

    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.sources.web.collect import collect
    from fertools.sources.web.collect_options import CollectOptions

    options = CollectOptions(licences=licences, **values)
    with Progress("collect", "videos") as report:
        found = collect(word, urls=urls, out=out, workspace=open_workspace(folder), options=options, report=report)
    if options.dry_run and not as_json:
        for row in found.rows:
            click.echo(f"{row.status}  {row.label or '-'}  {row.duration_s or '?'} s  {row.url}")
        return 0
    result: dict[str, Any] = {
        "videos": str(found.folder),
        "provenance": str(found.provenance),
        "of now": found.statuses,
    }
    if as_json:
        result["rows"], result["stopped"] = [asdict(row) for row in found.rows], found.stopped
    print_result(result, as_json)
    good = ("downloaded", "skipped", "found")
    failed = sum(count for status, count in found.statuses.items() if status not in good)
    if found.stopped:
        raise ItemsFailed(f"collecting stopped: {found.stopped}")
    if failed:
        raise ItemsFailed(f"{failed} of {len(found.rows)} videos could not be downloaded; see {found.provenance}")
    return 0
