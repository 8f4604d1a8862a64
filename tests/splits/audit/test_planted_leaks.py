"""Random clean tables have no finding; each planted problem is found, and moves end each leak that they can end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from fertools.splits.audit.audit_table import AuditTable, make_table
from fertools.splits.audit.coded_column import Coded
from fertools.splits.audit.run_audit import audit_rows

SEEDS, MOVED = 100, 25
"""Random tables with each problem, and how many of them get moves."""
Columns: TypeAlias = dict[str, list[Any]]


def clean_columns(random: np.random.Generator) -> Columns:
    """Return people, each with sources of their own, in three folds."""
    names = ("subject", "source", "track", "tracked", "pair", "sequence", "frame", "time_s", "emotion", "parent")
    columns: Columns = {name: [] for name in (*names, "valence", "arousal", "part", "unseen")}
    for person in range(int(random.integers(6, 12))):
        for source in range(int(random.integers(1, 3))):
            for face in range(int(random.integers(2, 5))):
                row = {
                    "subject": f"p{person}",
                    "source": f"v{person}.{source}",
                    "track": "1",
                    "pair": f"m{person}.{source}.{face // 2}" if source else None,
                    "sequence": f"s{person}.{source}" if person % 2 else None,
                    "frame": 100.0 * face,
                    "time_s": 4.0 * face,
                    "emotion": "anger",
                    "valence": -0.5,
                    "arousal": 0.5,
                    "part": f"fold {person % 3}",
                }
                for name, values in columns.items():
                    values.append(row.get(name))
    return columns


def as_table(columns: Columns, by_source: bool = True) -> AuditTable:
    """Return columns as a table."""
    own = dict(columns)
    parts, unseen = own.pop("part"), own.pop("unseen")
    names = [f"{row}.png" for row in range(len(parts))]
    origin = Path("table.csv")
    return make_table(names, parts, own, unseen_folds=unseen, by_source=by_source, origin=origin, split_column="part")


def _share(*names: str) -> Callable[[Columns, int, int], None]:
    """Return what gives two rows one value in some columns."""

    def plant(columns: Columns, one: int, other: int) -> None:
        for name in names:
            value = columns[name][one] if columns[name][one] is not None else "shared"
            columns[name][one] = columns[name][other] = value

    return plant


def _adjacent(columns: Columns, one: int, other: int) -> None:
    _share("source")(columns, one, other)
    columns["subject"][one] = columns["subject"][other] = None
    columns["time_s"][one] = columns["time_s"][other] + 0.2


def _frames(columns: Columns, one: int, other: int) -> None:
    _share("source")(columns, one, other)
    columns["subject"][one] = columns["subject"][other] = None
    columns["time_s"][one] = columns["time_s"][other] = None
    columns["frame"][one] = columns["frame"][other] + 3


def _two_tracks(columns: Columns, one: int, other: int) -> None:
    # Two tracks of one video, never in one frame, that a tracker took for two people.
    _share("source")(columns, one, other)
    columns["frame"][one] = columns["frame"][other] + 7000
    columns["time_s"][one] = columns["time_s"][other] + 280
    for row in (one, other):
        columns["tracked"][row] = columns["subject"][row]


def _saw_all(columns: Columns, one: int, _: int) -> None:
    columns["unseen"][one] = ""


def _saw_one(columns: Columns, one: int, _: int) -> None:
    columns["unseen"][one] = columns["part"][one].removeprefix("fold ")


def _parent(columns: Columns, one: int, other: int) -> None:
    columns["parent"][one] = f"{other}.png"


def _twice(columns: Columns, one: int, _: int) -> None:
    parts = columns["part"]
    other = next(row for row in range(len(parts)) if row != one and parts[row] == parts[one])
    for name in ("subject", "source", "frame"):
        columns[name][other] = columns[name][one]


def _lost_label(columns: Columns, one: int, _: int) -> None:
    columns["emotion"][one] = "fear"


def _lost_quadrant(columns: Columns, one: int, _: int) -> None:
    columns["valence"][one] = 0.5


PLANTS: dict[str, tuple[str, Callable[[Columns, int, int], None]]] = {
    "a person": ("subject-across", _share("subject")),
    "a source": ("source-across", _share("source")),
    "a track": ("track-across", _share("source", "track")),
    "a pair": ("pair-across", _share("pair")),
    "a sequence": ("sequence-across", _share("sequence")),
    "a parent": ("parent-across", _parent),
    "a moment by time": ("time-adjacent", _adjacent),
    "a moment by frame": ("time-adjacent", _frames),
    "a lost track": ("maybe-one-person-across", _two_tracks),
    "a generator of all folds": ("generator-saw-test", _saw_all),
    "a generator of other folds": ("generator-saw-test", _saw_one),
    "a person twice in a frame": ("two-people-one-subject", _twice),
    "a rare label": ("coverage", _lost_label),
    "a rare quadrant": ("coverage", _lost_quadrant),
}
"""What is planted, the kind of the finding, and how."""
LEAKS = [name for name, (kind, _) in PLANTS.items() if kind not in ("two-people-one-subject", "coverage")]


def plant(columns: Columns, name: str, random: np.random.Generator) -> None:
    """Plant a problem in one or two random rows."""
    parts = columns["part"]
    one = int(random.integers(len(parts)))
    other = int(random.choice([row for row in range(len(parts)) if parts[row] != parts[one]]))
    PLANTS[name][1](columns, one, other)


def test_random_clean_tables_have_no_finding() -> None:
    for seed in range(1500):
        random = np.random.default_rng(seed)
        assert audit_rows(as_table(clean_columns(random), by_source=bool(seed % 2))).findings == ()


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_problem_is_always_found(name: str) -> None:
    kind = PLANTS[name][0]
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        columns = clean_columns(random)
        plant(columns, name, random)
        table = as_table(columns)
        report = audit_rows(table, fix=seed < MOVED)
        found = [finding for finding in report.findings if finding.kind == kind]
        assert found
        assert bool(report.leaks) == (name in LEAKS)
        if seed >= MOVED or name not in LEAKS:
            continue
        assert report.fix is not None
        if kind == "generator-saw-test":
            assert not report.fix.moves
            assert report.fix.remaining == report.leaks
        else:
            assert report.fix.moves
            assert report.fix.remaining == ()
            parts = {move.row: move.after for move in report.fix.moves}
            moved = [parts.get(row, part) for row, part in enumerate(columns["part"])]
            assert audit_rows(replace(table, parts=Coded.of(moved))).leaks == ()
            # Moving one row less leaves a leak.
            moved[report.fix.moves[0].row] = report.fix.moves[0].before
            assert audit_rows(replace(table, parts=Coded.of(moved))).leaks


def test_several_planted_leaks_are_all_found() -> None:
    for seed in range(300):
        random = np.random.default_rng(seed)
        columns = clean_columns(random)
        # These do not undo one another.
        names = random.permutation(["a person", "a pair", "a sequence", "a parent", "a generator of all folds"])[:3]
        for name in names:
            plant(columns, name, random)
        assert {PLANTS[name][0] for name in names} <= {finding.kind for finding in audit_rows(as_table(columns)).leaks}
