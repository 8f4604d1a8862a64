"""The address of the rating page. The command line reads its defaults, so this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError

PORT = 8350
"""The default port is fixed, because a browser stores unsaved events by address and port."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Address:
    """The address of the rating page.

    Attributes:
        host: host name or IP address to listen on.
        port: TCP port; 0 chooses a free one.
        token: the token that raters need to open the page; required beyond loopback.

    Raises:
        InputError: the host is beyond loopback without a token, or the token is invalid.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < 8 or not self.token.isascii() or not self.token.isalnum()):
            raise InputError(
                f"a {argument('token')} has 8 or more letters and digits, such as the output of `openssl rand -hex 16`"
            )
        if not 0 <= self.port < 65536:
            raise InputError(f"{argument('port')} {self.port} is not in [0, 65535]")
        if self.host not in LOOPBACK and not self.token:
            raise InputError(
                f"{argument('host')} {self.host} admits other machines; give a {argument('token')} for opening "
                "the page, such as the output of "
                "`openssl rand -hex 16`"
            )
