"""Random clean tables have no finding; each planted problem is found, and moves end each leak that they can end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.splits.audit.audit_table import AuditTable
from fertools.splits.audit.run_audit import audit_rows

SEEDS, MOVED = 125, 25
"""Random tables with each problem, and how many of them get moves."""


def clean_table(random: np.random.Generator) -> AuditTable:
    """Return people, each with sources of their own, in three folds."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("subject", "source", "track", "pair", "frame", "time_s", "emotion", "parent")
    }
    parts: list[str | None] = []
    for person in range(int(random.integers(6, 12))):
        fold = person % 3
        for source in range(int(random.integers(1, 3))):
            for face in range(int(random.integers(2, 5))):
                columns["subject"].append(f"p{person}")
                columns["source"].append(f"v{person}.{source}")
                columns["track"].append("1")
                columns["pair"].append(f"m{person}.{source}.{face // 2}" if source else None)
                columns["frame"].append(100.0 * face)
                columns["time_s"].append(4.0 * face)
                columns["emotion"].append("anger")
                columns["parent"].append(None)
                parts.append(f"fold {fold}")
    count = len(parts)
    return AuditTable(
        names=[f"{row}.png" for row in range(count)],
        parts=parts,
        paths=[None] * count,
        columns=columns,
        generator_folds=[None] * count,
        by_source=True,
        origin=Path("table.csv"),
        split_column="part",
    )


def _plant(table: AuditTable, kind: str, random: np.random.Generator) -> AuditTable:
    one = int(random.integers(len(table)))
    other = int(random.choice([row for row in range(len(table)) if table.parts[row] != table.parts[one]]))
    columns = {name: list(values) for name, values in table.columns.items()}
    if kind == "generator-saw-test":
        # It was trained on all folds.
        unseen = [() if row == one else None for row in range(len(table))]
        return replace(table, generator_folds=unseen)
    if kind == "time-adjacent":
        columns["subject"][one] = columns["subject"][other] = None
        columns["time_s"][one] = columns["time_s"][other] + 0.2
    if kind == "two-people-one-subject":
        one, other = next((row, row + 1) for row in range(len(table)) if table.parts[row] == table.parts[row + 1])
        columns["frame"][other] = columns["frame"][one]
    changed = {
        "subject-across": ("subject",),
        "source-across": ("source",),
        "track-across": ("source", "track"),
        "pair-across": ("pair",),
        "parent-across": (),
        "time-adjacent": ("source",),
        "two-people-one-subject": ("source",),
    }[kind]
    for name in changed:
        value = columns[name][one] if columns[name][one] is not None else "shared"
        columns[name][one] = columns[name][other] = value
    if kind == "parent-across":
        columns["parent"][one] = table.names[other]
    return replace(table, columns=columns)


KINDS = (
    "subject-across",
    "source-across",
    "track-across",
    "pair-across",
    "parent-across",
    "time-adjacent",
    "generator-saw-test",
    "two-people-one-subject",
)


def test_random_clean_tables_have_no_finding() -> None:
    for seed in range(1000):
        assert audit_rows(clean_table(np.random.default_rng(seed))).findings == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_problem_is_always_found(kind: str) -> None:
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        table = _plant(clean_table(random), kind, random)
        report = audit_rows(table, fix=seed < MOVED)
        assert kind in {finding.kind for finding in report.findings}
        if seed >= MOVED:
            continue
        assert report.fix is not None
        if kind in ("generator-saw-test", "two-people-one-subject"):
            assert not report.fix.moves
            assert report.fix.remaining == report.leaks
        else:
            assert report.fix.moves
            assert report.fix.remaining == ()
            parts = {move.row: move.after for move in report.fix.moves}
            moved = [parts.get(row, part) for row, part in enumerate(table.parts)]
            assert audit_rows(replace(table, parts=moved)).leaks == ()
            # Moving one row less leaves a leak.
            moved[report.fix.moves[0].row] = report.fix.moves[0].before
            assert audit_rows(replace(table, parts=moved)).leaks
