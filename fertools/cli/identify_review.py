"""`fertools identify review`: the page on which doubtful people are merged or split."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.annotations.app.address import Address
from fertools.cli.options import open_workspace, page_options, workspace_option

PORT = 8351
"""Default port; that of the rating page is 8350, so both can run."""


@click.command("review")
@workspace_option
@page_options(PORT)
def command(folder: Path, host: str, port: int, token: str | None, no_browser: bool) -> int:
    """Look at doubtful people in the browser, and merge or split them.

    Decisions go to annotations/people.jsonl, which only grows. The next `fertools identify` replays them.
    """
    from fertools.annotations.people_review.review_server import serve_review

    def announce(url: str) -> None:
        click.echo(f"Review at {url}\nEvery decision is saved at once; Ctrl-C closes the page.")
        click.echo("Then run `fertools identify` again, which applies the decisions.")

    serve_review(open_workspace(folder), Address(host, port, token), browser=not no_browser, announce=announce)
    return 0
