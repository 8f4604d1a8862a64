"""Codes of raters, which identify them if other machines can open the page.

A code is derived from a secret of the log and the rater's name. It stays the same whenever the page is served, so the
owner can print it again.
"""

from __future__ import annotations

import base64
import hmac

from fertools.core.errors import InputError

LENGTH = 12
"""Number of characters of a code, with 5 bits each."""


class Refusal(InputError):
    """The request lacks the right code of the rater."""


class Codes:
    """Creates and checks codes.

    Args:
        secret: secret of the log in hexadecimal digits.
    """

    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def of(self, rater: str) -> str:
        """Return the code of a rater in groups of four characters."""
        digest = hmac.digest(self._secret, rater.encode(), "sha256")
        text = base64.b32encode(digest).decode().lower()[:LENGTH]
        return "-".join(text[place : place + 4] for place in range(0, LENGTH, 4))

    def check(self, rater: str, given: object) -> None:
        """Raise `Refusal` unless `given` is the rater's code; dashes, spaces and case do not matter."""
        text = "".join(str(given or "").lower().replace("-", "").split())
        if not hmac.compare_digest(text.encode(errors="replace"), self.of(rater).replace("-", "").encode()):
            raise Refusal(
                f"{rater} has a code, and this is a different one; enter the code that you got with the name, or ask "
                "whoever runs the page for it"
                if given
                else f"{rater} has a code; enter it below the name"
            )
