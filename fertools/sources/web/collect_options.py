"""Options of `collect`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fertools.core.arguments import argument
from fertools.core.errors import InputError

SEARCH = "ytsearch"
"""Search that yt-dlp offers by default: YouTube."""


@dataclass(frozen=True)
class CollectOptions:
    """How videos are found and downloaded.

    Attributes:
        limit: number of videos to have for a word, with those of earlier calls; of a list of addresses, all are.
        search: prefix of a search of yt-dlp, such as `ytsearch`.
        min_s: shortest video, in seconds.
        max_s: longest video, in seconds.
        max_height_px: largest height of the downloaded picture.
        licences: a video is taken only if its stated licence contains one of these texts, in any case; empty
            takes every licence and none.
        retries: further attempts after a failure of the network.
        backoff_s: seconds before the second attempt; each further one waits twice as long.
        rate_limit: largest number of bytes per second; None for no limit.
        pause_s: seconds between two videos.
        cool_down_s: seconds to wait after the site has limited the rate or requested a proof of a person.
        cool_downs: number of such waits before the collecting stops, to be continued later.
        cookies: file of cookies in Netscape's format.
        dry_run: list what would be downloaded, and download nothing.

    Raises:
        InputError: a value is out of range, or there is no such file.
    """

    limit: int = 20
    search: str = SEARCH
    min_s: float = 0.0
    max_s: float = 600.0
    max_height_px: int = 1080
    licences: tuple[str, ...] = ()
    retries: int = 3
    backoff_s: float = 2.0
    rate_limit: int | None = None
    pause_s: float = 1.0
    cool_down_s: float = 300.0
    cool_downs: int = 3
    cookies: Path | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name, least in (("limit", 1), ("max_height_px", 1), ("retries", 0), ("cool_downs", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{argument(name)} is {getattr(self, name)}; give {least} or more")
        for name in ("min_s", "backoff_s", "pause_s", "cool_down_s"):
            if getattr(self, name) < 0:
                raise InputError(f"{argument(name)} is {getattr(self, name)}; give a number of seconds, 0 or more")
        if self.max_s <= self.min_s:
            raise InputError(f"{argument('max_s')} is {self.max_s}; give more than {argument('min_s')}, {self.min_s}")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise InputError(f"{argument('rate_limit')} is {self.rate_limit}; give bytes per second, 1 or more")
        if not self.search.isalnum():
            raise InputError(f"{argument('search')} is '{self.search}'; give a search of yt-dlp, such as {SEARCH}")
        if self.cookies is not None and not self.cookies.is_file():
            raise InputError(f"there is no file of cookies {self.cookies}; export one from the browser")
