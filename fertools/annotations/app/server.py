"""Serve the rating page at an address of this machine until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from urllib.parse import urlencode

import uvicorn

from fertools.annotations.app.address import LOOPBACK, Address
from fertools.annotations.app.codes import Codes
from fertools.annotations.app.service import RatingService, Settings
from fertools.annotations.app.site import make_site
from fertools.core.arguments import argument
from fertools.core.errors import InputError, Interrupted
from fertools.core.locking import exclusive
from fertools.core.workspace import Workspace


def serve(
    workspace: Workspace,
    settings: Settings,
    address: Address,
    *,
    browser: bool = True,
    announce: Callable[[str, dict[str, str]], None] = lambda address, links: None,
) -> None:
    """Serve the rating page until a signal interrupts it.

    Args:
        workspace: the workspace of the faces.
        settings: settings of the page.
        address: address of the page.
        browser: open the page in a browser, if this machine has a window system.
        announce: called once the page can be opened, with its URL and the link of each known rater. A link contains the
            rater's code; without a token there are no links.

    Raises:
        Interrupted: always, at the end. Every acknowledged event is on the disk.
        InputError: there is nothing to rate, another page serves this workspace, or the address is in use.
    """
    listener = listen(address)
    with listener, exclusive(workspace.rating_lock, "a second rating page"):
        service = RatingService(workspace, settings)
        try:
            port = listener.getsockname()[1]
            local = address.host in LOOPBACK
            hosts = frozenset(f"{in_url(name)}:{port}" for name in LOOPBACK) if local else None
            site = make_site(service, hosts=hosts, token=address.token)
        except BaseException:
            service.close()
            raise
        shown = address.host if address.host not in ("0.0.0.0", "::") else socket.gethostname()
        url = f"http://{in_url(shown)}:{port}/" + (f"?token={address.token}" if address.token else "")
        announce(url, _links(url, service) if address.token else {})
        if browser and has_window():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        config = uvicorn.Config(
            site, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
        message = f"the rating page is closed; all saved ratings are in {workspace.ratings_log}"
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt as error:
            raise Interrupted(message) from error
        except Interrupted as error:
            raise Interrupted(message, exit_code=error.exit_code) from error
        raise Interrupted(message)


def _links(url: str, service: RatingService) -> dict[str, str]:
    codes = Codes(service.log.secret)
    return {rater: f"{url}&{urlencode({'rater': rater, 'code': codes.of(rater)})}" for rater in service.raters}


def listen(address: Address) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        InputError: the host is not one of this machine, or the port is in use.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        # With an explicit IPPROTO_TCP asyncio turns off Nagle's algorithm, which would delay each response by 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise InputError(
            f"{argument('host')} {address.host} is not an address of this machine ({error.strerror})"
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot serve at {address.host} port {address.port} ({error.strerror}); stop the other server, or "
            f"give another {argument('port')}"
        ) from error
    return listener


def in_url(host: str) -> str:
    """Return a host as an address contains it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def has_window() -> bool:
    """Return whether a browser can open a window; a text browser would block the terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
