"""`fertools browse`: one page to filter and look at all faces."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.annotations.app.address import Address
from fertools.cli.options import open_workspace, workspace_option

PORT = 8352
"""Default port; those of the rating page and of the review of people are 8350 and 8351, so all can run."""


@click.command("browse")
@workspace_option
@click.option(
    "--host", default=Address.host, show_default=True, help="Address to serve the page at; any other needs --token."
)
@click.option("--port", type=int, default=PORT, show_default=True, help="Port of the page; 0 takes any free one.")
@click.option("--token", default=None, help="Secret that opens the page.")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def command(folder: Path, host: str, port: int, token: str | None, no_browser: bool) -> int:
    """Filter, sort and look at all faces in the browser, with their frames, tracks and statistics.

    The page only reads. It shows the manifest as it was when the command began.
    """
    from fertools.views.browse.browse_server import serve_browse

    def announce(url: str) -> None:
        click.echo(f"Browse at {url}\nThe page changes nothing; Ctrl-C closes it.")

    serve_browse(open_workspace(folder), Address(host, port, token), browser=not no_browser, announce=announce)
    return 0
