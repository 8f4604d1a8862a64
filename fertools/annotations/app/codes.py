"""A code of their own for each rater, where the page is open to other machines: who has it is that rater.

Codes are made from a secret of the log and the rater's name. They are the same whenever the page is served, and the
owner can print them again.
"""

from __future__ import annotations

import base64
import hmac

from fertools.core.errors import InputError

LENGTH = 12
"""Characters of 5 bits."""


class Refusal(InputError):
    """Who asked did not say the code of the rater that was asked for."""


class Codes:
    """Makes and checks codes.

    Args:
        secret: of the log, hexadecimal.
    """

    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def of(self, rater: str) -> str:
        """Return a rater's code, in groups of four."""
        digest = hmac.digest(self._secret, rater.encode(), "sha256")
        text = base64.b32encode(digest).decode().lower()[:LENGTH]
        return "-".join(text[place : place + 4] for place in range(0, LENGTH, 4))

    def check(self, rater: str, given: object) -> None:
        """Raise `Refusal` unless `given` is the rater's code; dashes, spaces and capitals do not matter."""
        text = "".join(str(given or "").lower().replace("-", "").split())
        if not hmac.compare_digest(text.encode(errors="replace"), self.of(rater).replace("-", "").encode()):
            raise Refusal(
                f"{rater} has a code, and this is not it; enter the code that you got with the name, or ask whoever "
                "runs the page for it"
                if given
                else f"{rater} has a code; enter it below the name"
            )
