"""Serve the review page at an address of this machine until Ctrl-C."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from fertools.annotations.app.address import LOOPBACK, Address
from fertools.annotations.app.server import has_window, in_url, listen
from fertools.annotations.people_review.review_service import ReviewService
from fertools.annotations.people_review.review_site import make_review_site
from fertools.core.errors import Interrupted
from fertools.core.workspace import Workspace


def serve_review(
    workspace: Workspace,
    address: Address,
    *,
    browser: bool = True,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the review page until a signal interrupts it.

    Args:
        workspace: workspace in which `fertools identify` ran.
        address: address of the page.
        browser: open the page in a browser, if this machine has a window system.
        announce: called with the URL once the page can be opened.

    Raises:
        Interrupted: always, at the end. Every acknowledged decision is on the disk.
        InputError: there are no people, or the address is in use.
    """
    with listen(address) as listener:
        service = ReviewService(workspace)
        port = listener.getsockname()[1]
        hosts = frozenset(f"{in_url(name)}:{port}" for name in LOOPBACK) if address.host in LOOPBACK else None
        site = make_review_site(service, hosts=hosts, token=address.token)
        shown = address.host if address.host not in ("0.0.0.0", "::") else socket.gethostname()
        url = f"http://{in_url(shown)}:{port}/" + (f"?token={address.token}" if address.token else "")
        announce(url)
        if browser and has_window():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        config = uvicorn.Config(
            site, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
        message = f"the review page is closed; all decisions are in {workspace.decisions}"
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt as error:
            raise Interrupted(message) from error
        except Interrupted as error:
            raise Interrupted(message, exit_code=error.exit_code) from error
        raise Interrupted(message)
