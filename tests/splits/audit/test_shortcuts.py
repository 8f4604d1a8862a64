from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import make_table
from fertools.splits.audit.picture_hash import PictureFacts
from fertools.splits.audit.shortcut_findings import find_shortcuts


def _find(colour: NDArray[np.float64], subjects: list[str], emotions: list[str]) -> list[Finding]:
    count = len(colour)
    columns = {"subject": subjects, "emotion": emotions}
    table = make_table([str(row) for row in range(count)], ["train"] * count, columns, origin=Path("table.csv"))
    known = np.ones(count, np.bool_)
    facts = PictureFacts(
        known, ~known, ("",) * count, ("",) * count, np.zeros((count, 4), np.uint64), {"colour": colour}
    )
    return list(find_shortcuts(table, facts))


def _people(random: np.random.Generator, coloured: int) -> list[Finding]:
    """Sixty people with four faces each; ten of them show disgust, and `coloured` of these are in colour."""
    subjects = [f"p{person}" for person in range(60) for _ in range(4)]
    emotions = ["disgust" if person < 10 else "joy" for person in range(60) for _ in range(4)]
    colour = random.uniform(0, 0.02, 60).repeat(4)
    colour[: 4 * coloured] += 0.3
    return _find(colour, subjects, emotions)


def test_a_colour_that_gives_a_label_away_is_a_warning_with_its_people() -> None:
    found = _people(np.random.default_rng(0), coloured=10)
    assert {finding.severity for finding in found} == {"warning"}
    assert "'disgust' can be guessed by colour alone: 40 of 40 faces are above" in found[0].message
    assert "score 1.00, 10 people, p = 0.0001" in found[0].message


def test_a_colour_by_chance_is_seldom_reported() -> None:
    found = [_people(np.random.default_rng(seed), coloured=0) for seed in range(30)]
    # The level is 5 %, so about one or two are expected.
    assert sum(map(bool, found)) <= 3


def test_many_faces_of_few_people_are_no_evidence() -> None:
    subjects = [f"p{person}" for person in range(10) for _ in range(100)]
    emotions = ["disgust" if person < 5 else "joy" for person in range(10) for _ in range(100)]
    colour = np.array([0.3, 0.3, 0.3, 0.3, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0]).repeat(100)
    assert _find(colour, subjects, emotions) == []
