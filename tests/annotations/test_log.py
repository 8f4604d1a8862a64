from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.annotations.log import Batch, RatingLog
from fertools.core.errors import InputError, SchemaError, StorageError
from tests.annotations.rating_events import event


def test_an_event_counts_once_however_often_it_is_sent(tmp_path: Path) -> None:
    first, second = event("join"), event("flag", faces=["f"], flag="unsure", on=True)
    with RatingLog(tmp_path / "r.sqlite") as log:
        assert log.append("anna", [first]).added == (first,)
        receipt = log.append("anna", [first, second])
        assert receipt.saved == (first.id, second.id)
        assert receipt.added == (second,)
        assert [logged.event for logged in log.events()] == [first, second]


def test_an_identifier_belongs_to_one_event(tmp_path: Path) -> None:
    mine = event("flag", faces=["f"], flag="unsure", on=True)
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.append("anna", [mine])
        receipt = log.append("ben", [mine, event("join")])
        assert list(receipt.refused) == [mine.id]
        assert len(receipt.saved) == 1
        assert [logged.rater for logged in log.events()] == ["anna", "ben"]


def test_events_can_be_neither_changed_nor_deleted(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.append("anna", [event("join")])
        for statement in ("DELETE FROM events", "UPDATE events SET rater = 'ben'"):
            with pytest.raises(StorageError, match="append-only"):
                log.connection.execute(statement)
        assert log.raters() == ["anna"]


def test_a_batch_that_fails_leaves_nothing_and_the_next_one_goes_in(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN new.kind = 'flag' "
            "BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
        bad = event("flag", faces=["f"], flag="unsure", on=True)
        with pytest.raises(StorageError, match="disk full"):
            log.append_batches([Batch("anna", [event("join")]), Batch("ben", [bad])])
        assert list(log.events()) == []
        assert log.append("anna", [event("join")]).added


def test_a_clock_that_runs_ahead_is_cut_at_the_arrival(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as log:
        for at_ms, received_ms in ((10**15, 1000), (1500, 2000), (500, 3000)):
            log.append("anna", [replace(event("join", at_ms), tab=f"tab-{at_ms}")], received_ms=received_ms)
        assert [logged.done_ms for logged in log.events()] == [500, 1000, 1500]


@pytest.mark.parametrize("arrivals_ms", [[5000, 1000, 1000], [5000, 5000, 5000], [1000, 2000, 3000]])
def test_acts_of_a_tab_keep_their_order_when_the_servers_clock_is_set_back(
    tmp_path: Path, arrivals_ms: list[int]
) -> None:
    acts = [event("join", at_ms) for at_ms in (4000, 4001, 4002)]
    with RatingLog(tmp_path / "r.sqlite") as log:
        for act, arrival_ms in zip(acts, arrivals_ms, strict=True):
            log.append("anna", [act], received_ms=arrival_ms)
            assert log.clock_ms(1000) > arrivals_ms[0] - 1, "a page that is opened now starts after what there is"
        assert [logged.event for logged in log.events()] == acts


@settings(max_examples=20)
@given(st.permutations(range(6)), st.lists(st.integers(0, 10_000), min_size=6, max_size=6))
def test_acts_of_a_tab_keep_their_order_in_whatever_order_they_come(order: list[int], arrivals_ms: list[int]) -> None:
    acts = [event("join", 20_000 + number) for number in range(6)]
    with tempfile.TemporaryDirectory() as folder, RatingLog(Path(folder) / "r.sqlite") as log:
        log.append("anna", [event("join", 1) for _ in range(3)], received_ms=50_000)
        for number, arrival_ms in zip(order, arrivals_ms, strict=True):
            log.append("anna", [acts[number]], received_ms=arrival_ms)
        assert [logged.event for logged in log.events()][3:] == acts


def test_a_log_has_an_identity_that_stays(tmp_path: Path) -> None:
    names = []
    for path in (tmp_path / "one.sqlite", tmp_path / "other.sqlite", tmp_path / "one.sqlite"):
        with RatingLog(path) as log:
            names.append((log.identity, log.secret))
            log.complete()
            assert (log.identity, log.secret) == names[-1]
    assert names[0] == names[2] != names[1]


def test_a_log_of_an_earlier_fertools_gets_one_and_stays_readable(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.append("anna", [event("join")])
        log.connection.executescript("DROP TABLE properties; DROP INDEX events_by_tab;")
    with RatingLog(tmp_path / "r.sqlite") as log:
        assert log.raters() == ["anna"]
        log.append("anna", [event("join")])
        log.complete()
        assert len(log.identity) == 32


def test_only_who_acted_can_undo(tmp_path: Path) -> None:
    act = event("flag", 1, faces=["f"], flag="unsure", on=True)
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.append("anna", [act])
        log.append("ben", [event("undo", 2, target=act.id)])
        assert log.undone() == set()
        log.append("anna", [event("undo", 3, target=act.id)])
        assert log.undone() == log.undone("anna") == log.undone_of("anna", [act.id]) == {act.id}
        log.append("anna", [event("redo", 4, target=act.id)])
        assert log.undone() == log.undone_of("anna", [act.id]) == set()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at twice" * 20, None])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "r.sqlite"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE notes (text)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(InputError, match="not a log of ratings"):
        RatingLog(path)
    assert path.read_bytes() == before


def test_a_log_of_another_version_is_refused(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as log:
        log.connection.execute("PRAGMA user_version = 7")
    with pytest.raises(SchemaError, match="version 7"):
        RatingLog(tmp_path / "r.sqlite")


def test_a_log_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no ratings"):
        RatingLog(tmp_path / "r.sqlite", existing=True)
    assert not (tmp_path / "r.sqlite").exists()


def test_readers_see_what_another_connection_committed(tmp_path: Path) -> None:
    with RatingLog(tmp_path / "r.sqlite") as writer, RatingLog(tmp_path / "r.sqlite") as reader:
        writer.append("anna", [event("join")])
        assert reader.raters() == ["anna"]


WRITER = """
import sys
from pathlib import Path
from fertools.annotations.events import Event
from fertools.annotations.log import Batch, RatingLog
log = RatingLog(Path(sys.argv[1]))
number = 0
while True:
    batches = []
    for rater in ("anna", "ben"):
        batches.append(Batch(rater, [Event(f"event-{number + n:08d}", "join", "", 0, {}) for n in range(3)]))
        number += 3
    for receipt in log.append_batches(batches):
        print(*receipt.saved, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 40, 111])
def test_killed_while_writing_nothing_acknowledged_is_missing(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "r.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [name for _ in range(acknowledged) for name in writer.stdout.readline().split()]
        writer.kill()
        told += writer.stdout.read().rpartition("\n")[0].split()
    with RatingLog(path) as log:
        (verdict,) = log.connection.execute("PRAGMA integrity_check").fetchone()
        kept = [logged.event.id for logged in log.events()]
    assert verdict == "ok"
    assert len(told) >= 3 * acknowledged
    assert set(told) <= set(kept)
    assert len(set(kept)) == len(kept)
    # A batch is there whole or not at all.
    assert len(kept) % 6 == 0
