"""`collect`: download videos by a word for an expression or from a list of addresses, with their provenance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from fertools.core import locking, package_data
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.progress import Reporter, Silent
from fertools.core.spelling import nearest
from fertools.core.toml import table_in
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.sources.web.collect_options import CollectOptions
from fertools.sources.web.downloader import Downloader, DownloadFailed, Info
from fertools.sources.web.failures import LIMITED
from fertools.sources.web.video_provenance import NAME, Provenance, read_provenance, write_provenance

DOWNLOADED, SKIPPED, FOUND = "downloaded", "skipped", "found"
_FINAL = (DOWNLOADED, "removed", "private", "geo-blocked")
"""Statuses of videos that are not tried again."""
_UNLABELLED = "videos"
"""Folder of videos without a word."""
_SPARE = 3
"""Addresses that a search asks for, per wanted video, because many are skipped."""
T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What to search for or to download.

    Attributes:
        label: expression, which names the folder; empty for none.
        word: word to search with; empty for an address.
        url: address; empty for a search.
    """

    label: str = ""
    word: str = ""
    url: str = ""


@dataclass(frozen=True)
class CollectSummary:
    """The result of `collect`.

    Attributes:
        folder: folder of the videos, which `ingest` reads.
        provenance: path of the table with a row per video.
        rows: the rows of this call.
        statuses: number of videos of this call by status.
        stopped: why the collecting stopped early, to be continued later; empty if it did not.
    """

    folder: Path
    provenance: Path
    rows: tuple[Provenance, ...]
    statuses: dict[str, int]
    stopped: str = ""


class _Stopped(Exception):
    """The site limits the rate after all cool-downs."""


def collect(
    word: str | None = None,
    *,
    urls: str | Path | None = None,
    out: str | Path = "videos",
    workspace: WorkspaceLike = ".",
    options: CollectOptions | None = None,
    report: Reporter | None = None,
) -> CollectSummary:
    """Download videos by a word for an expression, or from a list of addresses.

    Each video is in a folder that is named after its expression, so `ingest` labels its faces. A second call continues:
    videos that are in the table of provenance are not downloaded again. A video that cannot be had is one row.

    Args:
        word: an expression, such as `happiness`, for all of its search terms in `annotations/lexicon.toml`; or one
            word of the lexicon, such as `joyful`, for this word alone.
        urls: file with an address in each line, which may be followed by a word for its expression.
        out: folder for the videos and the table.
        workspace: workspace whose lexicon takes precedence.
        options: limits, licences, retries, pauses and cookies.
        report: reporter of progress.

    Raises:
        InputError: neither or both of `word` and `urls` are given, the word is in no lexicon, the list cannot be read,
            or an option is out of range.
        StorageError: the disk is full or cannot be written.
    """
    if (word is None) == (urls is None):
        raise InputError(f"give either a word, such as happiness, or a list of addresses with {argument('urls')}")
    root = Workspace(workspace).root
    wanted = search_terms(word, root) if word is not None else read_addresses(Path(urls or "").expanduser(), root)
    folder, options = Path(out).expanduser().absolute(), options or CollectOptions()
    with Downloader(folder, options) as downloader:
        return collect_wanted(downloader, wanted, report or Silent())


def collect_wanted(downloader: Downloader, wanted: Sequence[Wanted], report: Reporter) -> CollectSummary:
    """Download what is wanted into the folder of a downloader; see `collect`.

    Args:
        downloader: the opened downloader.
        wanted: words of one expression, or addresses.
        report: reporter of progress.
    """
    root = downloader.root
    if downloader.options.dry_run:
        return _Collecting(downloader, report, {}).run(wanted)
    root.mkdir(parents=True, exist_ok=True)
    with locking.exclusive(root / ".lock", "a collecting"):
        return _Collecting(downloader, report, read_provenance(root / NAME)).run(wanted)


class _Collecting:
    """One call: the table of provenance, and the rows that were added."""

    def __init__(self, downloader: Downloader, report: Reporter, known: dict[str, Provenance]) -> None:
        self.downloader, self.options, self.report = downloader, downloader.options, report
        self.known, self.rows = known, list[Provenance]()
        self.cooled, self.had = 0, 0

    def run(self, wanted: Sequence[Wanted]) -> CollectSummary:
        stopped, done = "", 0
        searched = any(item.word and not item.url for item in wanted)
        goal = self.options.limit if searched else len(wanted)
        self.report.start(goal)
        try:
            for item in self._addresses(wanted):
                if searched and self.had + done >= goal:
                    break
                row = self._collect_one(item)
                done += row.status in (DOWNLOADED, FOUND) if searched else 1
                self.report.advance(self.had + done)
        except _Stopped as error:
            stopped = str(error)
            self.report.note(f"stopped: {stopped}")
        statuses = dict(Counter(row.status for row in self.rows))
        root = self.downloader.root
        return CollectSummary(root, root / NAME, tuple(self.rows), statuses, stopped)

    def _addresses(self, wanted: Sequence[Wanted]) -> Iterator[Wanted]:
        """Yield each address once, taking turns between the words, without those that are done."""
        count = _SPARE * self.options.limit
        lists = [iter([item]) if item.url else self._search(item, count) for item in wanted]
        seen: set[str] = set()
        while lists:
            for items in list(lists):
                item = next((item for item in items if item.url not in seen), None)
                if item is None:
                    lists.remove(items)
                    continue
                seen.add(item.url)
                if not self._is_done(item.url):
                    yield item
                elif self.known[item.url].status == DOWNLOADED:
                    self.had += 1

    def _search(self, item: Wanted, count: int) -> Iterator[Wanted]:
        try:
            found = self._attempt(lambda: list(self.downloader.search(item.word, count)))
        except DownloadFailed as error:
            row = Provenance(f"{self.options.search}:{item.word}", error.failure.status, label=item.label)
            self._add(replace(row, word=item.word, date=_now(), reason=error.failure.reason))
            return
        yield from (replace(item, url=url) for url in found)

    def _is_done(self, url: str) -> bool:
        row = self.known.get(url)
        if row is None or row.status not in _FINAL:
            return False
        return row.status != DOWNLOADED or (self.downloader.root / row.path).is_file()

    def _collect_one(self, item: Wanted) -> Provenance:
        row = Provenance(item.url, SKIPPED, label=item.label, word=item.word, date=_now())
        try:
            info = self._attempt(lambda: self.downloader.look_at(item.url))
            row = _described(row, info)
            if reason := self._leaves_out(info):
                return self._add(replace(row, reason=reason))
            if self.options.dry_run:
                return self._add(replace(row, status=FOUND))
            folder = self.downloader.root / (item.label or _UNLABELLED)
            path = self._attempt(lambda: self.downloader.download(info, folder))
            done = replace(row, status=DOWNLOADED, path=path.relative_to(self.downloader.root).as_posix())
            self._add(done)
            self.downloader.sleep(self.options.pause_s)
            return done
        except DownloadFailed as error:
            return self._add(replace(row, status=error.failure.status, reason=error.failure.reason))

    def _leaves_out(self, info: Info) -> str:
        """Return why a video is left out; empty if it is not."""
        options, duration_s = self.options, info.get("duration")
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
            return "it is a live stream"
        if duration_s is not None and not options.min_s <= float(duration_s) <= options.max_s:
            return f"it lasts {float(duration_s):g} s, outside of {options.min_s:g} to {options.max_s:g} s"
        licence = str(info.get("license") or "")
        if options.licences and not any(text.lower() in licence.lower() for text in options.licences):
            return f"its licence is {licence or 'not stated'}"
        return ""

    def _attempt(self, work: Callable[[], T]) -> T:
        """Return the result of some work, tried again after failures of the network and after cool-downs.

        Raises:
            DownloadFailed: the video is lost, or no attempt succeeded.
            _Stopped: the site limits the rate after all cool-downs.
        """
        failed = 0
        while True:
            try:
                return work()
            except DownloadFailed as error:
                failure = error.failure
                if failure.verdict == "cool_down":
                    if self.cooled >= self.options.cool_downs:
                        raise _Stopped(f"the site limits requests ({failure.reason}); run again later") from error
                    self.cooled += 1
                    seconds = self.options.cool_down_s
                    self.report.note(f"{LIMITED}: {failure.reason}; waiting {seconds:g} s")
                    self.downloader.sleep(seconds)
                elif failure.verdict == "retry" and failed < self.options.retries:
                    self.downloader.sleep(self.options.backoff_s * 2**failed)
                    failed += 1
                else:
                    raise

    def _add(self, row: Provenance) -> Provenance:
        self.rows.append(row)
        self.known[row.url] = row
        if row.status not in (DOWNLOADED, FOUND):
            self.report.note(f"{row.status}: {row.url}: {row.reason}")
        if not self.options.dry_run:
            write_provenance(self.downloader.root / NAME, self.known.values())
        return row


def search_terms(word: str, workspace: Path | None = None) -> list[Wanted]:
    """Return the search terms of an expression, or of one word for it.

    Args:
        word: label such as `happiness`, or a word of the lexicon or of its search terms, such as `joyful`.
        workspace: folder whose `annotations/lexicon.toml` takes precedence.

    Raises:
        InputError: the word is not in the lexicon.

    Example:
        >>> [item.word for item in search_terms("disgust")]
        ['disgust', 'antipathy', 'dislike', 'loathing', 'sickness']
        >>> search_terms("joyful")
        [Wanted(label='happiness', word='joyful', url='')]
    """
    path = package_data.find("annotations", "lexicon", workspace)
    labels = table_in(package_data.read_toml(path), "labels", path)
    if odd := next((label for label in labels if not re.fullmatch(r"\w[\w-]*", label)), None):
        # A label becomes the name of a folder.
        raise InputError(f"{path} has the label '{odd}'; use letters, digits, _ and - alone")
    terms = {label: tuple(map(str, table_in(labels, label, path).get("search", ()))) for label in labels}
    if word in terms:
        return [Wanted(word, term) for term in terms[word] or (word,)]
    label = load_lexicon(workspace).lookup_folder(word)
    label = label or next((name for name, listed in terms.items() if word.lower() in listed), None)
    if label is None:
        near = nearest(word, [*terms, *load_lexicon(workspace).words])
        raise InputError(f"the lexicon {path} has no word '{word}'{near}; give an expression such as happiness")
    return [Wanted(label, word)]


def read_addresses(path: Path, workspace: Path | None = None) -> list[Wanted]:
    """Return the addresses of a text file: one in each line, with a word for its expression behind it or none.

    Empty lines and lines that begin with `#` are ignored.

    Args:
        path: path of the file.
        workspace: folder whose `annotations/lexicon.toml` takes precedence.

    Raises:
        InputError: the file cannot be read, or a line is no address or has an unknown word.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(f"cannot read the list of addresses {path}: {reason}; give a text file") from error
    lexicon = load_lexicon(workspace)
    found: list[Wanted] = []
    for number, line in enumerate(lines, 1):
        url, _, word = line.strip().partition(" ")
        if not url or url.startswith("#"):
            continue
        if not re.match(r"https?://[^/]", url):
            raise InputError(f"{path.name}:{number}: '{url}' is no address; write https://… in each line")
        label = lexicon.lookup(word.strip()) if word.strip() else ""
        if label is None:
            raise InputError(
                f"{path.name}:{number}: '{word.strip()}' is no word of the lexicon; write one such as happy"
            )
        found.append(Wanted(label, word.strip(), url))
    if not found:
        raise InputError(f"{path} has no address; write one in each line")
    return found


def _described(row: Provenance, info: Info) -> Provenance:
    """Return a row with what the site says; no title and no name is stored."""
    title, duration_s = info.get("title"), info.get("duration")
    return replace(
        row,
        title_hash=hash_bytes(str(title).encode()) if title else "",
        uploader_id=str(info.get("uploader_id") or info.get("channel_id") or ""),
        licence=str(info.get("license") or ""),
        duration_s="" if duration_s is None else f"{float(duration_s):g}",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
