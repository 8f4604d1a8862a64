"""Breakdowns: every face is in one subset, and each subset has the right accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from fertools.training.evaluation.breakdowns import break_down, by_subject
from tests.training.guesses import invent


def test_each_person_counts_once() -> None:
    groups = np.array(["a", "b", "b", "b", "c"])
    found = by_subject(groups, np.array([True, False, False, True, False]))
    assert found["subjects"] == 3
    assert found["mean"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert (found["worst"], found["median"], found["best"]) == pytest.approx((0, 1 / 3, 1))
    assert [entry["subject"] for entry in found["each"]] == ["c", "b", "a"]
    assert [entry["faces"] for entry in found["each"]] == [1, 3, 1]


def test_parts_hold_every_measured_face_once() -> None:
    run = invent(subjects=6)
    labels, decided = run.labels(), run.probabilities().argmax(axis=1)
    found = break_down(run, np.ones(len(labels), bool), labels, decided)
    assert set(found) == {"dataset", "face_px", "yaw_deg"}
    for parts in found.values():
        assert sum(part["faces"] for part in parts) == len(labels)
        assert sum(part["faces"] * part["accuracy"] for part in parts) == pytest.approx((labels == decided).sum())
    assert [part["words"] for part in found["dataset"]] == ["acted", "wild"]
    assert len(found["face_px"]) == 4
    # Faces turned to either side are alike.
    assert found["yaw_deg"][0]["words"].startswith(("0.", "1."))


def test_the_smallest_faces_are_the_first_part() -> None:
    run = invent(subjects=6)
    sizes = run.numbers("face_px")
    labels = run.labels()
    # Right only where the face is large.
    decided = np.where(sizes > np.median(sizes), labels, (labels + 1) % 7)
    found = break_down(run, np.ones(len(labels), bool), labels, decided)["face_px"]
    assert [part["accuracy"] for part in found] == pytest.approx([0, 0, 1, 1], abs=0.05)


def test_equal_or_few_or_missing_numbers_are_no_parts() -> None:
    run = invent(subjects=1, faces=5, folds=1)
    labels = run.labels()
    assert set(break_down(run, np.ones(len(labels), bool), labels, labels)) == {"dataset"}
