"""yt-dlp as a library: search for addresses, look at a video, and download it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from fertools.core.errors import first_line
from fertools.sources.web.collect_options import CollectOptions
from fertools.sources.web.failures import Failure, classify

_TIMEOUT_S = 20
ARCHIVE_NAME = "archive.txt"
"""yt-dlp's list of what was downloaded, in the folder of the videos."""
PARTIAL_NAME = ".partial"
"""Folder of unfinished downloads in the folder of the videos."""
Info = Mapping[str, Any]


class DownloadFailed(Exception):
    """An attempt failed.

    Attributes:
        failure: what follows from it.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class _Quiet:
    """A logger for yt-dlp that prints nothing: errors are raised, and each becomes one line of ours."""

    def debug(self, message: str) -> None:
        """Drop a message."""

    info = warning = error = debug


class Downloader:
    """Downloads videos into a folder.

    Args:
        root: folder of the videos and of the archive.
        options: limits, retries and cookies.
        extractors: further extractors of yt-dlp, which come before its own.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        root: Path,
        options: CollectOptions,
        *,
        extractors: Sequence[Any] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root, self.options, self.sleep = root, options, sleep
        self._extractors = extractors

    def __enter__(self) -> Self:
        import yt_dlp

        most = self.options.max_height_px
        # A height that the site does not state is accepted.
        kinds = ("bv*[height<=?{0}]+ba", "b[height<=?{0}]", "bv*[height<=?{0}]")
        parameters: dict[str, Any] = {
            "logger": _Quiet(),
            "quiet": True,
            "noprogress": True,
            "noplaylist": True,
            "extract_flat": "in_playlist",
            "cachedir": False,
            # Ingest passes over hidden folders, so it never reads half a video.
            "paths": {"home": str(self.root), "temp": PARTIAL_NAME},
            "restrictfilenames": True,
            "format": "/".join(kind.format(most) for kind in kinds),
            "download_archive": str(self.root / ARCHIVE_NAME) if not self.options.dry_run else None,
            # Attempts are counted here, so that each failure is one line.
            "retries": 0,
            "fragment_retries": self.options.retries,
            "extractor_retries": 0,
            "socket_timeout": _TIMEOUT_S,
            "ratelimit": self.options.rate_limit,
            "cookiefile": str(self.options.cookies) if self.options.cookies is not None else None,
        }
        self._tool = yt_dlp.YoutubeDL(parameters, auto_init=False)
        for extractor in self._extractors:
            self._tool.add_info_extractor(extractor)
        self._tool.add_default_info_extractors()
        return self

    def __exit__(self, *error: object) -> None:
        self._tool.close()

    def search(self, term: str, count: int) -> Iterator[str]:
        """Yield the addresses of at most `count` videos that a search finds.

        Raises:
            DownloadFailed: the search failed.
        """
        with _failing():
            found = self._tool.extract_info(f"{self.options.search}{count}:{term}", download=False)
        for entry in (found or {}).get("entries") or ():
            if address := entry.get("webpage_url") or entry.get("url"):
                yield str(address)

    def look_at(self, url: str) -> Info:
        """Return what the site says about a video.

        Raises:
            DownloadFailed: it failed, or the address is no single video.
        """
        with _failing():
            # With the archive, yt-dlp returns nothing for a video that it has downloaded before.
            info = self._tool.extract_info(url, download=False)
        if info is None or self._tool.in_download_archive(info):
            reason = f"{ARCHIVE_NAME} says that it was downloaded before; remove its line there to download it again"
            raise DownloadFailed(Failure("lost", "skipped", reason))
        if info.get("_type") in ("playlist", "multi_video"):
            raise DownloadFailed(Failure("lost", "failed", "it is a list of videos; give the address of each video"))
        return dict(info)

    def download(self, info: Info, folder: Path) -> Path:
        """Download a video that was looked at, and return the path of its file.

        Args:
            info: what the site says about it.
            folder: folder of the file, directly in the folder of the videos.

        Raises:
            DownloadFailed: it failed; what was received stays, so that the next attempt continues.
        """
        self._tool.params["outtmpl"]["default"] = f"{folder.name}/%(extractor)s-%(id)s.%(ext)s"
        with _failing():
            done = self._tool.process_ie_result(dict(info), download=True)
            path = Path(done["requested_downloads"][0]["filepath"])
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise DownloadFailed(Failure("lost", "failed", "yt-dlp left no file"))
        return path


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Turn errors of yt-dlp, and of its extractors, into DownloadFailed."""
    from yt_dlp.utils import YoutubeDLError

    try:
        yield
    except YoutubeDLError as error:
        raise DownloadFailed(classify(str(error))) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # A site that has changed breaks its extractor in any of these ways.
        reason = f"yt-dlp cannot read it ({type(error).__name__}: {first_line(error)}); a newer yt-dlp may"
        raise DownloadFailed(Failure("lost", "failed", reason)) from error
