from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest

from fertools.core.errors import InputError
from fertools.splits.audit.run_audit import AuditReport
from fertools.training.jobs.audit_split import audit
from tests.splits.audit.test_near_duplicates import picture

ROWS = [
    {"path": f"{number}.png", "part": part, "subject": f"p{number}", "emotion": emotion}
    for number, (part, emotion) in enumerate((part, emotion) for part in ("a", "b") for emotion in ("anger", "fear"))
]


def _audit(folder: Path, rows: list[dict[str, str]], copied: dict[int, int] | None = None) -> AuditReport:
    for number, row in enumerate(rows):
        cv2.imwrite(str(folder / row["path"]), picture((copied or {}).get(number, number)))
    with (folder / "table.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return audit(table=folder / "table.csv", split_column="part")


def test_a_clean_table_has_no_finding(tmp_path: Path) -> None:
    report = _audit(tmp_path, ROWS)
    assert report.findings == ()
    assert report.parts == {"a": 2, "b": 2}
    assert report.leakage is not None
    assert 0.4 < report.leakage.split < 0.8


@pytest.mark.parametrize(
    ("column", "cells", "kind"),
    [
        ("subject", ["p0", "p1", "p2", "p0"], "subject-across"),
        ("pair", ["m", "", "", "m"], "pair-across"),
        ("parent", ["", "", "0.png", ""], "parent-across"),
        ("checksum", ["0" * 40, "", "", ""], "checksum-drift"),
    ],
)
def test_a_planted_problem_of_the_columns_is_found(tmp_path: Path, column: str, cells: list[str], kind: str) -> None:
    rows = [row | {column: cell} for row, cell in zip(ROWS, cells, strict=True)]
    assert [finding.kind for finding in _audit(tmp_path, rows).findings] == [kind]


def test_copies_are_found_with_their_labels_and_subjects(tmp_path: Path) -> None:
    report = _audit(tmp_path, ROWS, {3: 0})
    found = {finding.kind: tuple(finding.groups) for finding in report.findings}
    assert found == dict.fromkeys(("duplicate-across", "label-conflict", "one-face-two-subjects"), ((0, 3),))
    assert [finding.kind for finding in report.leaks] == ["duplicate-across"]


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("path,part\na.png,train\n")
    with pytest.raises(InputError, match="no column 'fold'"):
        audit(table=tmp_path / "table.csv", split_column="fold")
