"""Serve a web application at an address of this machine until Ctrl-C: the rating page and other pages."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from fertools.annotations.app.address import LOOPBACK, Address
from fertools.core.arguments import argument
from fertools.core.errors import InputError, Interrupted


def run_site(
    make_site: Callable[[frozenset[str] | None], ASGIApp],
    listener: socket.socket,
    address: Address,
    *,
    closed: str,
    browser: bool,
    announce: Callable[[str], None],
) -> NoReturn:
    """Serve a web application until a signal interrupts it.

    Args:
        make_site: makes the application from the accepted values of the `Host` header; see `guard.Guard`.
        listener: socket from `listen`.
        address: address of the page.
        closed: what is said at the end.
        browser: open the page in a browser, if this machine has a window system.
        announce: called with the URL once the page can be opened.

    Raises:
        Interrupted: always, at the end.
    """
    port = listener.getsockname()[1]
    site = make_site(frozenset(f"{in_url(name)}:{port}" for name in LOOPBACK) if address.host in LOOPBACK else None)
    shown = address.host if address.host not in ("0.0.0.0", "::") else socket.gethostname()
    url = f"http://{in_url(shown)}:{port}/" + (f"?token={address.token}" if address.token else "")
    config = uvicorn.Config(
        site, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    try:
        announce(url)
        if browser and has_window():
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt as error:
        raise Interrupted(closed) from error
    except Interrupted as error:
        raise Interrupted(closed, exit_code=error.exit_code) from error
    raise Interrupted(closed)


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
