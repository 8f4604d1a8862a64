"""Why a video could not be downloaded, and what follows from it: try again, cool down, or give it up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["lost", "retry", "cool_down"]
"""`lost`: the video cannot be had. `retry`: the network failed. `cool_down`: the site wants fewer requests."""

LIMITED: Final = "limited"
REMOVED, BLOCKED, PRIVATE, UNREACHABLE = "removed", "geo-blocked", "private", "unreachable"

_COOL_DOWN = re.compile(
    r"\b429\b|too many requests|rate.?limit|not a bot|unusual traffic|captcha|try again later", re.IGNORECASE
)
_STATUS: Final = (
    (BLOCKED, re.compile(r"not (?:made )?(?:this video )?available (?:in|from) your (?:country|location)|\bgeo", re.I)),
    (
        PRIVATE,
        re.compile(r"private|sign in|log ?in|members.only|age.restricted|confirm your age|\b401\b|\b403\b", re.I),
    ),
    (REMOVED, re.compile(r"removed|deleted|terminated|no longer available|unavailable|\b404\b|\b410\b", re.I)),
)
_NO_FORMAT = re.compile(r"requested format is not available", re.IGNORECASE)
_SERVER = re.compile(r"HTTP Error 5\d\d", re.IGNORECASE)
_NETWORK = re.compile(
    r"timed? ?out|resolve|resolution|unreachable|connection|refused|reset|incomplete|no route|name or service|"
    r"temporary failure|ssl|more expected|getaddrinfo|urlopen|proxy",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Failure:
    """A failed attempt.

    Attributes:
        verdict: what follows.
        status: what it is called in the table of provenance.
        reason: one line.
    """

    verdict: Verdict
    status: str
    reason: str


def classify(message: str) -> Failure:
    """Return what an error message of yt-dlp means.

    Args:
        message: text of the error.

    Example:
        >>> classify("ERROR: [youtube] x: Sign in to confirm you're not a bot").verdict
        'cool_down'
        >>> classify("ERROR: unable to download: HTTP Error 410: Gone").status
        'removed'
        >>> classify("ERROR: [Errno 111] Connection refused").verdict
        'retry'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message)
    reason = plain.strip().splitlines()[0].removeprefix("ERROR: ").strip() if plain.strip() else "it failed"
    if _COOL_DOWN.search(plain):
        return Failure("cool_down", LIMITED, reason)
    if _NO_FORMAT.search(plain):
        return Failure("lost", "skipped", "it has no format within the limits")
    if _SERVER.search(plain):
        return Failure("retry", UNREACHABLE, reason)
    for status, pattern in _STATUS:
        if pattern.search(plain):
            return Failure("lost", status, reason)
    if _NETWORK.search(plain):
        return Failure("retry", UNREACHABLE, reason)
    return Failure("lost", "failed", reason)
