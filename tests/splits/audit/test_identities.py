"""Two names for one person, and a track with a wrong name, among made embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fertools.faces.identity.embedder import unit
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import make_table
from fertools.splits.audit.identity_findings import Embeddings, find_identities
from fertools.splits.audit.leakage import measure_leakage


def _find(random: np.random.Generator, planted: str) -> tuple[list[Finding], int]:
    """Return what is found among 12 people with 3 tracks of 2 faces each, and the row of what was planted."""
    who = np.arange(12).repeat(6)
    tracks = np.arange(36).repeat(2)
    people = random.normal(size=(12, 64))
    row = int(random.integers(72))
    if planted == "two names":
        people[(who[row] + 1) % 12] = people[who[row]]
    vectors = people[who] + 0.3 * random.normal(size=(72, 64))
    if planted == "a wrong name":
        vectors[tracks == tracks[row]] = people[(who[row] + 5) % 12] + 0.3 * random.normal(size=(2, 64))
    columns = {
        "subject": [f"p{one}" for one in who],
        "source": [f"v{one}" for one in tracks],
        "track": ["0"] * 72,
    }
    table = make_table([str(one) for one in range(72)], ["a"] * 72, columns, origin=Path("t.csv"))
    found = find_identities(table, Embeddings(np.arange(72), unit(vectors), 0.7))
    return list(found), row


def test_clean_people_have_no_finding() -> None:
    for seed in range(25):
        assert _find(np.random.default_rng(seed), "")[0] == []


def test_two_names_of_one_person_are_found() -> None:
    for seed in range(25):
        (found,), row = _find(np.random.default_rng(seed), "two names")
        assert found.kind == "one-person-two-subjects"
        assert {one // 6 for one in found.groups[0]} == {row // 6, (row // 6 + 1) % 12}


def test_a_track_with_a_wrong_name_is_found_unless_the_people_are_alike() -> None:
    times = 0
    for seed in range(25):
        found, row = _find(np.random.default_rng(seed), "a wrong name")
        assert len(found) <= 1
        for finding in found:
            assert finding.kind == "unlike-own-subject"
            times += finding.groups[0][0] == row - row % 2
    # A tenth of different people are more alike than the limit.
    assert times >= 19


def test_the_leakage_of_embeddings_is_the_mean_best_cosine() -> None:
    vectors = unit(np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]]))
    found = measure_leakage(vectors, np.array([0, 1, 0, -1], np.int32))
    assert found is not None
    assert found.measure == "face embeddings"
    assert found.split == pytest.approx((0.8 + 0.8 + 0.6) / 3)
