"""`fertools browse`: one page to filter and look at all faces."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.annotations.app.address import Address
from fertools.cli.options import open_workspace, page_options, workspace_option

PORT = 8352
"""Default port; those of the rating page and of the review of people are 8350 and 8351, so all can run."""


@click.command("browse")
@workspace_option
@page_options(PORT)
def command(folder: Path, host: str, port: int, token: str | None, no_browser: bool) -> int:
    """Filter, sort and look at all faces in the browser, with their frames, tracks and statistics.

    The page only reads. It shows the manifest as it was when the command began.
    """
    from fertools.views.browse.browse_server import serve_browse

    def announce(url: str) -> None:
        click.echo(f"Browse at {url}\nThe page changes nothing; Ctrl-C closes it.")

    serve_browse(open_workspace(folder), Address(host, port, token), browser=not no_browser, announce=announce)
    return 0
