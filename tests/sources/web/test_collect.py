"""yt-dlp really downloads, from a server on this machine."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from yt_dlp.extractor.common import SearchInfoExtractor

import fertools
from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.vocabulary import load_lexicon
from fertools.sources.discovery import discover
from fertools.sources.naming import NamingRules
from fertools.sources.web.collect import CollectSummary, Wanted, collect_wanted, read_addresses, search_terms
from fertools.sources.web.collect_options import CollectOptions
from fertools.sources.web.downloader import Downloader
from fertools.sources.web.failures import classify
from fertools.sources.web.video_provenance import read_provenance
from tests.conftest import write_clip

# yt-dlp leaves the connection of a failed request to the garbage collector, if it asks by the package requests.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket")
QUICK = CollectOptions(pause_s=0, backoff_s=0.5, cool_down_s=7, retries=2, cool_downs=2, search="testsearch")


@pytest.fixture(scope="module", autouse=True)
def no_connections_left() -> Iterator[None]:
    """Let none of these connections be collected during a test of another file, for which the mark does not hold."""
    yield
    gc.collect()


class Site:
    """A server of one video under many names; some answer with errors.

    `/limited-N/x.mp4` answers 429 to its first N requests; `/gone/…` 410, `/broken/…` 503.
    """

    def __init__(self, content: bytes) -> None:
        self.content, self.requests, self.cookies = content, Counter[str](), list[str]()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests[self.path] += 1
                site.cookies.append(self.headers.get("Cookie", ""))
                kind = self.path.split("/")[1]
                status = {"gone": 410, "broken": 503}.get(kind, 200)
                if kind.startswith("limited-") and site.requests[self.path] <= int(kind.removeprefix("limited-")):
                    status = 429
                body = site.content if status == 200 else b"no"
                self.send_response(status)
                self.send_header("Content-Type", "video/mp4" if status == 200 else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the name that the server calls

            def log_message(self, format: str, *arguments: Any) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{path}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clip = write_clip(tmp_path / "clip" / "clip.mp4", [np.full((32, 32, 3), 40 * n, np.uint8) for n in range(5)])
    found = Site(clip.read_bytes())
    yield found
    found.server.shutdown()
    found.server.server_close()


def searching(site: Site, names: dict[str, list[str]]) -> Any:
    """Return an extractor: `testsearch3:WORD` finds the addresses of a word."""

    class TestSearchIE(SearchInfoExtractor):  # type: ignore[misc]
        _SEARCH_KEY = "testsearch"

        def _search_results(self, query: str) -> Iterator[dict[str, Any]]:
            for name in names[query]:
                yield self.url_result(site.url(name))

    return TestSearchIE()


def run(
    site: Site, out: Path, wanted: list[Wanted], options: CollectOptions = QUICK, extractors: tuple[Any, ...] = ()
) -> tuple[CollectSummary, list[float]]:
    waits: list[float] = []
    sleep: Callable[[float], None] = waits.append
    with Downloader(out, options, extractors=extractors, sleep=sleep) as downloader:
        return collect_wanted(downloader, wanted, Silent()), [wait for wait in waits if wait]


def test_a_word_is_searched_downloaded_and_read_by_ingest_with_its_label(site: Site, tmp_path: Path) -> None:
    names = {"joyful": ["a.mp4", "gone/b.mp4", "c.mp4"], "happy": ["a.mp4", "d.mp4", "e.mp4"]}
    wanted = [Wanted("happiness", "joyful"), Wanted("happiness", "happy")]
    options = replace(QUICK, limit=3)
    found, _ = run(site, tmp_path / "out", wanted, options, (searching(site, names),))
    assert found.statuses == {"downloaded": 3, "removed": 1}
    rows = read_provenance(found.provenance)
    assert [row.url.rsplit("/", 1)[1] for row in rows.values()] == ["a.mp4", "d.mp4", "b.mp4", "e.mp4"]
    first = rows[site.url("a.mp4")]
    assert (first.word, first.label, first.licence, first.path.split("/")[0]) == (
        "joyful",
        "happiness",
        "",
        "happiness",
    )
    assert len(first.title_hash) == 32
    assert first.date.endswith("+00:00")
    assert (tmp_path / "out" / first.path).read_bytes() == site.content
    sources = discover([tmp_path / "out"])
    assert len(sources.files) == 3
    assert {NamingRules(load_lexicon()).read(file.below, file.given).emotion for file in sources.files} == {"happiness"}
    # The second call finds all of it done, and asks for no video again.
    before = site.requests.copy()
    again, _ = run(site, tmp_path / "out", wanted, options, (searching(site, names),))
    assert (again.rows, site.requests) == ((), before)
    more, _ = run(site, tmp_path / "out", wanted, replace(options, limit=4), (searching(site, names),))
    assert [row.url for row in more.rows] == [site.url("c.mp4")]


def test_addresses_with_every_kind_of_failure_are_a_row_each(site: Site, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    urls = [site.url("gone/a.mp4"), site.url("broken/b.mp4"), "http://127.0.0.1:9/c.mp4", site.url("d.mp4")]
    listed.write_text("# comment\n" + "\n".join(f"{url} sad" for url in urls) + f"\n\n{site.url('e.mp4')}\n")
    found, waits = run(site, tmp_path / "out", read_addresses(listed))
    assert [row.status for row in found.rows] == ["removed", "unreachable", "unreachable", "downloaded", "downloaded"]
    assert waits == [0.5, 1.0] * 2
    assert all("\n" not in row.reason and row.reason for row in found.rows[:3])
    assert [row.path.split("/")[0] for row in found.rows[3:]] == ["sadness", "videos"]
    # Only what may come back is tried again.
    again, _ = run(site, tmp_path / "out", read_addresses(listed))
    assert [row.status for row in again.rows] == ["unreachable", "unreachable"]
    assert len(read_provenance(found.provenance)) == 5


def test_a_limit_of_requests_cools_down_and_loses_nothing(site: Site, tmp_path: Path) -> None:
    found, waits = run(site, tmp_path / "out", [Wanted(url=site.url("limited-2/a.mp4"))])
    assert (found.statuses, waits, found.stopped) == ({"downloaded": 1}, [7, 7], "")
    wanted = [Wanted(url=site.url("limited-9/b.mp4")), Wanted(url=site.url("c.mp4"))]
    stopped, waits = run(site, tmp_path / "out", wanted)
    assert (stopped.rows, waits) == ((), [7, 7])
    assert "429" in stopped.stopped
    assert list(read_provenance(found.provenance)) == [site.url("limited-2/a.mp4")]


def test_limits_leave_videos_out_and_a_dry_run_writes_nothing(site: Site, tmp_path: Path) -> None:
    wanted = [Wanted(url=site.url("a.mp4"))]
    out = tmp_path / "out"
    dry, _ = run(site, out, wanted, replace(QUICK, dry_run=True))
    assert (dry.statuses, out.exists()) == ({"found": 1}, False)
    licensed, _ = run(site, out, wanted, replace(QUICK, licences=("creative commons",)))
    assert (licensed.statuses, licensed.rows[0].reason) == ({"skipped": 1}, "its licence is not stated")
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    taken, _ = run(site, out, wanted, replace(QUICK, cookies=cookies))
    assert taken.statuses == {"downloaded": 1}
    assert "name=value" in site.cookies[-1]
    assert (out / "archive.txt").read_text().startswith("generic ")
    (out / taken.rows[0].path).unlink()
    gone, _ = run(site, out, wanted)
    assert gone.statuses == {"skipped": 1}
    assert "archive.txt" in gone.rows[0].reason


@pytest.mark.parametrize(
    ("message", "verdict", "status"),
    [
        ("ERROR: [youtube] x: Sign in to confirm you’re not a bot. Use --cookies", "cool_down", "limited"),
        ("ERROR: unable to download: HTTP Error 429: Too Many Requests", "cool_down", "limited"),
        ("ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader", "lost", "removed"),
        ("ERROR: The uploader has not made this video available in your country", "lost", "geo-blocked"),
        ("ERROR: [youtube] x: Private video. Sign in if you've been granted access", "lost", "private"),
        ("ERROR: unable to download: HTTP Error 503: Service Unavailable", "retry", "unreachable"),
        ("ERROR: Failed to resolve 'www.example.org' ([Errno -2] Name or service not known)", "retry", "unreachable"),
        ("ERROR: [x] y: Requested format is not available", "lost", "skipped"),
        ("ERROR: something else", "lost", "failed"),
    ],
)
def test_messages_of_yt_dlp_are_understood(message: str, verdict: str, status: str) -> None:
    found = classify(message)
    assert (found.verdict, found.status) == (verdict, status)


def test_words_and_lists_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    assert {item.label for item in search_terms("happiness")} == {"happiness"}
    assert [item.word for item in search_terms("cold feet")] == ["cold feet"]
    with pytest.raises(InputError, match="no word 'hapiness', did you mean"):
        search_terms("hapiness")
    with pytest.raises(InputError, match="either a word"):
        fertools.collect()
    for content, words in (
        ("ftp://x/y", "no address"),
        ("https://x.org/y purple", "'purple'"),
        ("#", "has no address"),
    ):
        (tmp_path / "list.txt").write_text(content)
        with pytest.raises(InputError, match=words):
            fertools.collect(urls=tmp_path / "list.txt")
    with pytest.raises(InputError, match="limit"):
        CollectOptions(limit=0)
    with pytest.raises(InputError, match="rate_limit"):
        CollectOptions(rate_limit=0)
