"""Serving the rating page: from an address of this machine, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import uvicorn

from fertools.annotations.app.codes import Codes
from fertools.annotations.app.service import RatingService, Settings
from fertools.annotations.app.site import make_site
from fertools.core.arguments import argument
from fertools.core.errors import InputError, Interrupted
from fertools.core.locking import exclusive
from fertools.core.workspace import Workspace

PORT = 8350
"""Always the same, because a browser keeps what is not yet saved by address and port."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Place:
    """Where the page is served.

    Attributes:
        host: address to listen at.
        port: 0 takes any that is free.
        token: what has to be known to get in; needed beyond loopback.

    Raises:
        InputError: the host is beyond loopback and there is no token, or the token is too short.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or not self.token.isalnum()):
            raise InputError(
                f"a {argument('token')} has 8 or more letters and digits, such as what `openssl rand -hex 16` prints"
            )
        if not 0 <= self.port < 65536:
            raise InputError(f"{argument('port')} {self.port} is not in [0, 65535]")
        if self.host not in LOOPBACK and not self.token:
            raise InputError(
                f"{argument('host')} {self.host} lets other machines in; give a {argument('token')} that raters "
                "open the page with, such as what `openssl rand -hex 16` prints"
            )


def serve(
    workspace: Workspace,
    settings: Settings,
    place: Place,
    *,
    browser: bool = True,
    announce: Callable[[str, dict[str, str]], None] = lambda address, links: None,
) -> None:
    """Serve the rating page until it is interrupted.

    Args:
        workspace: whose faces are rated.
        settings: what is asked, and of whom.
        place: where it is served.
        browser: open it, where there is one with a window.
        announce: called with the address once the page can be opened, and with a link for each rater that is known,
            which holds their code; there is none without a token.

    Raises:
        Interrupted: always, at the end; all that was acknowledged is on the disk.
        InputError: there is nothing to rate, another page is served from this workspace, or the address is taken.
    """
    listener = _listen(place)
    with listener, exclusive(workspace.rating_lock, "a second rating page"):
        service = RatingService(workspace, settings)
        try:
            port = listener.getsockname()[1]
            local = place.host in LOOPBACK
            hosts = frozenset(f"{_in_url(name)}:{port}" for name in LOOPBACK) if local else None
            site = make_site(service, hosts=hosts, token=place.token)
        except BaseException:
            service.close()
            raise
        shown = place.host if place.host not in ("0.0.0.0", "::") else socket.gethostname()
        address = f"http://{_in_url(shown)}:{port}/" + (f"?token={place.token}" if place.token else "")
        announce(address, _links(address, service) if place.token else {})
        if browser and _has_window():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        config = uvicorn.Config(
            site, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
        message = f"the rating page is closed; all that it had saved is in {workspace.ratings_log}"
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt as error:
            raise Interrupted(message) from error
        except Interrupted as error:
            raise Interrupted(message, exit_code=error.exit_code) from error
        raise Interrupted(message)


def _links(address: str, service: RatingService) -> dict[str, str]:
    codes = Codes(service.log.secret)
    return {rater: f"{address}&{urlencode({'rater': rater, 'code': codes.of(rater)})}" for rater in service.raters}


def _listen(place: Place) -> socket.socket:
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        # Named as TCP, or asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise InputError(f"{argument('host')} {place.host} is no address of this machine ({error.strerror})") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host, place.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot serve at {place.host} port {place.port} ({error.strerror}); end what is served there, or give "
            f"another {argument('port')}"
        ) from error
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _has_window() -> bool:
    """Return whether a browser could open a window here; a browser in the terminal would be in the way."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
