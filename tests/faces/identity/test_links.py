from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fertools.faces.identity import clustering
from fertools.faces.identity.clustering import cluster
from fertools.faces.identity.embedder import unit
from fertools.faces.identity.links import Groups, Links, pairs_in_frames

PAIR = st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1])
NAME = st.tuples(st.integers(0, 11), st.sampled_from("AB"), st.sampled_from("xyz"))


def test_evidence_of_higher_rank_wins_and_the_other_is_reported() -> None:
    groups = Groups(4)
    groups.add(Links(different=[(0, 1)]), "frames")
    groups.add(Links(same=[(0, 2), (1, 2), (2, 3)]), "names")
    assert groups.labels().tolist() == [0, 1, 0, 0]
    (refused,) = groups.contradictions
    assert (refused.first, refused.second, refused.said, refused.evidence) == (1, 2, "same", "names")


def test_two_names_of_one_realm_are_two_people_and_of_two_realms_may_be_one() -> None:
    groups = Groups(4)
    groups.add(Links(names=[(0, "A", "x"), (1, "A", "y"), (2, "B", "x"), (3, "A", "x")]), "names")
    assert groups.labels().tolist() == [0, 1, 2, 0]
    assert groups.are_apart(0, 1)
    assert not groups.are_apart(0, 2)


def test_the_sides_of_a_split_person_stay_together() -> None:
    groups = Groups(4)
    groups.add(Links(different=[(0, 2), (0, 3), (1, 2), (1, 3)]), "decisions")
    groups.add(Links(names=[(track, "earlier", "p") for track in range(4)]), "earlier")
    assert groups.labels().tolist() == [0, 0, 1, 1]


def test_pairs_in_frames_are_found_once() -> None:
    assert pairs_in_frames([[2, 1], [1, 2, 3], [4]]) == [(1, 2), (1, 3), (2, 3)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(PAIR, max_size=6),
    st.lists(PAIR, max_size=6),
    st.lists(NAME, max_size=8),
    st.integers(0, 99),
    st.booleans(),
    st.floats(-0.9, 0.9),
)
def test_no_constraint_is_ever_broken(
    different: list[tuple[int, int]],
    same: list[tuple[int, int]],
    names: list[tuple[int, str, str]],
    seed: int,
    in_communities: bool,
    threshold: float,
) -> None:
    groups = Groups(12)
    groups.add(Links(different=different), "frames")
    groups.add(Links(same=same, names=names), "names")
    vectors = unit(np.random.default_rng(seed).normal(size=(12, 3)))
    labels = cluster(vectors, groups, threshold, exact_up_to=4 if in_communities else clustering.EXACT_UP_TO)
    known = groups.labels()
    for one in range(12):
        for two in range(12):
            if known[one] == known[two]:
                assert labels[one] == labels[two]
            if groups.are_apart(one, two):
                assert labels[one] != labels[two]
    assert all(labels[one] != labels[two] for one, two in different)
