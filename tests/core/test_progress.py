from __future__ import annotations

import io

import pytest

from fertools.core.arguments import given, on_command_line, showing
from fertools.core.progress import (
    Progress,
    Reporter,
    Silent,
    describe_counts,
    describe_duration,
    describe_left,
    describe_rate,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.4, "9.4 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (95, "1 min 35 s"),
        (3599.6, "1 h 00 min"),
        (3725, "1 h 02 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text


def test_counts_and_time_left() -> None:
    assert describe_counts({"frames": 1200, "faces": 3}) == ", 1,200 frames, 3 faces"
    assert describe_left(0, 10, 5.0) == ""
    assert describe_left(10, 10, 5.0) == ""
    assert describe_left(2, 10, 30.0) == ", about 2 min 00 s left"


def test_a_rate_is_told_where_frames_are_counted() -> None:
    assert describe_rate({"frames": 30_000, "faces": 1}, 20.0) == ", 1,500.0 frames/s"
    assert describe_rate({"frames": 3}, 0.0) == describe_rate({"crops": 3}, 2.0) == describe_rate({}, 2.0) == ""


def test_what_is_said_stays_on_its_line() -> None:
    stream = io.StringIO()
    with Progress("ingest", "files", stream=stream) as report:
        report.note("failed: a\nb \x1b[31mc é\r.mp4: it is no video")
    assert stream.getvalue() == "failed: a\\nb \\x1b[31mc é\\r.mp4: it is no video\n"


def test_off_a_terminal_a_plain_line_comes_once_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    # When the reporter is made, begun, and told four times.
    times_s = iter([100.0, 100.0, 105.0, 110.0, 115.0, 120.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times_s))
    stream = io.StringIO()
    with Progress("ingest", "files", stream=stream, interval_s=10) as report:
        report.start(4)
        for done in (1, 2, 3, 4):
            report.advance(done, frames=100 * done, faces=done)
        report.note("x.mp4 failed")
    assert stream.getvalue().splitlines() == [
        "ingest: 2 of 4 files, 200 frames, 2 faces, 20.0 frames/s, about 10 s left",
        "ingest: 4 of 4 files, 400 frames, 4 faces, 20.0 frames/s",
        "x.mp4 failed",
    ]
    assert "\x1b" not in stream.getvalue()


def test_a_share_of_the_work_gives_the_time_left_within_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = iter([0.0, 0.0, 10.0, 20.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times_s))
    stream = io.StringIO()
    with Progress("ingest", "files", stream=stream, interval_s=10) as report:
        report.start(1)
        for share in (0.1, 0.5, 1.0):
            report.reach(share)
            report.advance(0, frames=1000)
    assert stream.getvalue().splitlines() == [
        "ingest: 0 of 1 files, 10 %, 1,000 frames, 100.0 frames/s, about 1 min 30 s left",
        "ingest: 0 of 1 files, 50 %, 1,000 frames, 50.0 frames/s, about 20 s left",
        # All is read, but not yet written down.
        "ingest: 0 of 1 files, 99 %, 1,000 frames, 33.3 frames/s",
    ]


def test_words_stand_beside_the_progress_until_others_do() -> None:
    stream = io.StringIO()
    with Progress("train", "iterations", stream=stream, interval_s=0) as report:
        report.start(3)
        for done, words in enumerate(("loss 0.5", "loss 0.4", ""), 1):
            report.beside(words)
            report.advance(done)
    lines = stream.getvalue().splitlines()
    assert [line.split(", about")[0] for line in lines] == [
        "train: 1 of 3 iterations, loss 0.5",
        "train: 2 of 3 iterations, loss 0.4",
        "train: 3 of 3 iterations",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_words_stand_in_the_live_line() -> None:
    stream = _Terminal()
    with Progress("train", "iterations", stream=stream) as report:
        report.start(2)
        report.beside("loss 0.5")
        report.advance(2)
    assert "2/2" in stream.getvalue()
    assert "iterations" in stream.getvalue()
    assert "loss 0.5" in stream.getvalue()


def test_on_a_terminal_a_live_line_is_drawn_and_notes_stay() -> None:
    stream = _Terminal()
    with Progress("ingest", "files", stream=stream) as report:
        report.start(2)
        report.advance(1, faces=7)
        report.note("[bold] is no markup here")
        report.advance(2, faces=8)
    text = stream.getvalue()
    assert "2/2" in text
    assert "8 faces" in text
    assert "[bold] is no markup here" in text


def test_the_live_line_shows_the_share_and_the_items() -> None:
    stream = _Terminal()
    with Progress("ingest", "files", stream=stream) as report:
        report.start(1)
        report.reach(0.42)
        report.advance(0, frames=9)
    assert "42%" in stream.getvalue()
    assert "0/1 files" in stream.getvalue()


def test_a_job_may_have_parts() -> None:
    stream = _Terminal()
    with Progress("ingest", "files", stream=stream) as report:
        for total in (3, 5):
            report.start(total)
            report.advance(total)
    assert "3/3" in stream.getvalue()
    assert "5/5" in stream.getvalue()


def test_a_silent_reporter_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report: Reporter = Silent()
    report.start(3)
    report.advance(1, faces=1)
    report.reach(0.5)
    report.beside("hidden")
    report.note("hidden")
    assert capsys.readouterr() == ("", "")


def test_a_note_that_names_an_argument_has_no_control_characters() -> None:
    stream = io.StringIO()
    with Progress("job", "files", stream=stream) as report:
        report.note(f"begin anew with {given('overwrite', True)}")
    assert "begin anew with `overwrite=True`" in stream.getvalue()
    assert stream.getvalue().replace("\n", "").isprintable()


def test_the_command_line_shows_the_same_note_with_flags() -> None:
    stream = io.StringIO()
    with showing(lambda message: on_command_line(message, "--{}".format)), Progress("a", "b", stream=stream) as report:
        report.note(f"begin anew with {given('resume', False)}")
    assert "begin anew with --no-resume\n" in stream.getvalue()
