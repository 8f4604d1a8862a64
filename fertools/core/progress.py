"""Report the progress of a long job: a live line on a terminal, else one plain line per interval.

Both go to standard error, so that standard output contains only data.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self, TextIO

from fertools.core.arguments import shown

INTERVAL_S = 10.0
"""Seconds between two plain lines if the output is not a terminal."""


class Reporter(Protocol):
    """The interface that a long job uses to report its progress."""

    def start(self, total: int) -> None:
        """Begin a job of `total` items."""

    def advance(self, done: int, **counts: int) -> None:
        """Report that `done` items are finished, with running totals such as `frames=120`."""

    def reach(self, share: float) -> None:
        """Report the share of work done, from 0 to 1, if finished items alone are too coarse."""

    def beside(self, words: str) -> None:
        """Show `words`, such as the current loss, next to the progress until the next call."""

    def note(self, message: str) -> None:
        """Print one sentence that stays on the screen."""


class Silent:
    """A reporter without output."""

    def start(self, total: int) -> None:
        """Do nothing."""

    def advance(self, done: int, **counts: int) -> None:
        """Do nothing."""

    def reach(self, share: float) -> None:
        """Do nothing."""

    def beside(self, words: str) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""


class Progress:
    """A reporter for people: `with Progress("ingest", "files") as report: ...`.

    Args:
        title: name of the job, such as `ingest`.
        unit: name of the counted items, such as `files`.
        stream: output stream; None for standard error.
        interval_s: seconds between two plain lines if the stream is not a terminal.
    """

    def __init__(self, title: str, unit: str, *, stream: TextIO | None = None, interval_s: float = INTERVAL_S) -> None:
        self._title, self._unit = title, unit
        self._stream = stream if stream is not None else sys.stderr
        self._interval_s = interval_s
        self._live = self._stream.isatty()
        self._total = 0
        self._beside = ""
        self._share: float | None = None
        self._begun_s = self._said_s = time.monotonic()
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, total: int) -> None:
        """Begin a job of `total` items."""
        self._total, self._share = total, None
        self._begun_s = self._said_s = time.monotonic()
        if self._bar is not None:
            # A further stage of the same job.
            self._bar.stop()
        if self._live and total:
            self._bar = _Bar(self._title, self._unit, total, self._stream)

    def advance(self, done: int, **counts: int) -> None:
        """Report that `done` items are finished, with running totals such as `frames=120`."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._begun_s
        details = describe_counts(counts) + describe_rate(counts, elapsed_s) + self._beside
        if self._bar is not None:
            self._bar.show(done, self._share, details)
            return
        if now_s - self._said_s >= self._interval_s and not self._live:
            self._said_s = now_s
            if self._share is None:
                share, left = "", describe_left(done, self._total, elapsed_s)
            else:
                # An unfinished job never shows 100 %.
                share, left = f", {min(99, int(100 * self._share))} %", describe_left(self._share, 1, elapsed_s)
            self._say(f"{self._title}: {done} of {self._total} {self._unit}{share}{details}{left}")

    def reach(self, share: float) -> None:
        """Report the share of work done, from 0 to 1, if finished items alone are too coarse."""
        self._share = share

    def beside(self, words: str) -> None:
        """Show `words`, such as the current loss, next to the progress until the next call."""
        self._beside = f", {words}" if words else ""

    def note(self, message: str) -> None:
        """Print one sentence that stays on the screen."""
        # A note names arguments as an error does.
        line = on_one_line(shown(message))
        if self._bar is not None:
            self._bar.say(line)
        else:
            self._say(line)

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _Bar:
    """The live line, drawn by rich, which is imported only for a terminal."""

    def __init__(self, title: str, unit: str, total: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        # If the line is too long, only the last column wraps.
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
            TaskProgressColumn(table_column=Column(no_wrap=True)),
            TextColumn(f"{{task.fields[done]}}/{total} {unit}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[counts]}", table_column=Column()),
        )
        self._console = Console(file=stream)
        self._progress = RichProgress(*columns, console=self._console)
        self._progress.start()
        self._total = total
        self._task = self._progress.add_task(title, total=1.0, counts="", done=0)

    def show(self, done: int, share: float | None, counts: str) -> None:
        share = done / self._total if share is None else share
        self._progress.update(self._task, completed=share, done=done, counts=counts.removeprefix(", "))

    def say(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        self._progress.stop()


def on_one_line(message: str) -> str:
    r"""Return a message with line breaks and control characters escaped, such as `\n` in file names.

    Example:
        >>> on_one_line("failed: a\nb.mp4")
        'failed: a\\nb.mp4'
    """
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in message)


def describe_counts(counts: dict[str, int]) -> str:
    """Return running totals as text: `, 120 frames, 300 faces`."""
    return "".join(f", {count:,} {name}" for name, count in counts.items())


def describe_rate(counts: dict[str, int], elapsed_s: float) -> str:
    """Return the mean number of frames per second as text; empty if no frames are counted.

    Example:
        >>> describe_rate({"frames": 120, "faces": 9}, 8.0)
        ', 15.0 frames/s'
    """
    frames = counts.get("frames", 0)
    return f", {frames / elapsed_s:,.1f} frames/s" if frames and elapsed_s > 0 else ""


def describe_left(done: float, total: float, elapsed_s: float) -> str:
    """Return the remaining time at the mean speed so far as text; empty before the first item."""
    return f", about {describe_duration((total - done) * elapsed_s / done)} left" if 0 < done < total else ""


def describe_duration(seconds: float) -> str:
    """Return a duration as text in its two largest units.

    Example:
        >>> describe_duration(3725)
        '1 h 02 min'
        >>> describe_duration(95)
        '1 min 35 s'
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s" if whole >= 10 else f"{seconds:.1f} s"
