from __future__ import annotations

import itertools
import resource

import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.faces.identity.clustering import EXACT_UP_TO, cluster
from fertools.faces.identity.embedder import EmbedderCard, Floats, unit
from fertools.faces.identity.links import Groups, Links
from fertools.faces.identity.similarity_threshold import calibrate
from tests.faces.identity.agreement import b_cubed, pairwise

CARD = EmbedderCard("x", "0", 3, "arcface", 8, "", "", "", 0.6)


def _people(people: int, tracks: int, width: int, noise: float) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(people), tracks)
    return unit(rng.normal(size=(people, width))[truth] + noise * rng.normal(size=(len(truth), width))), truth


def test_metrics_by_hand() -> None:
    # Truth {a b c} {d}; found {a b} {c d}. B-cubed precision is (1 + 1 + 1/2 + 1/2) / 4, and recall
    # (2/3 + 2/3 + 1/3 + 1) / 4.
    assert b_cubed([0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx((3 / 4, 2 / 3, 2 * 0.75 * 2 / 3 / (0.75 + 2 / 3)))
    # Pairs of the truth: ab ac bc; found: ab cd; one is right.
    assert pairwise([0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx((1 / 2, 1 / 3, 0.4))
    assert b_cubed([0, 1], [5, 7]) == (1, 1, 1)


def test_average_linkage_by_hand() -> None:
    # The third is 0.8 from the first and 0.96 from the second: 0.88 on average.
    vectors = np.array([[1, 0, 0], [0.6, 0.8, 0], [0, 1, 0]], np.float32)
    assert cluster(vectors, Groups(3), 0.61).tolist() == [0, 1, 1]
    assert cluster(vectors, Groups(3), 0.29).tolist() == [0, 0, 0]
    assert cluster(vectors, Groups(3), 0.31).tolist() == [0, 1, 1]
    assert cluster(vectors, Groups(3), 0.9).tolist() == [0, 1, 2]


def test_clusters_equal_those_of_plain_average_linkage_step_by_step() -> None:
    vectors, _ = _people(5, 4, 6, 0.4)
    groups = Groups(20)
    groups.add(Links(different=[(0, 1), (4, 9)]), "frames")
    expected = [{track} for track in range(20)]
    while True:
        pairs = [
            (float(np.mean([vectors[i] @ vectors[j] for i in one for j in two])), one, two)
            for one, two in itertools.combinations(expected, 2)
            if not any(groups.are_apart(i, j) for i in one for j in two)
        ]
        best, one, two = max(pairs, key=lambda pair: pair[0])
        if best < 0.6:
            break
        expected = [cluster for cluster in expected if cluster not in (one, two)] + [one | two]
    labels = cluster(vectors, groups, 0.6)
    assert sorted(map(sorted, expected)) == sorted(np.flatnonzero(labels == one).tolist() for one in set(labels))


def test_communities_find_what_all_pairs_find() -> None:
    vectors, truth = _people(60, 6, 32, 0.3)
    groups = Groups(len(vectors))
    groups.add(Links(different=[(0, 1)], same=[(0, 359)]), "frames")
    exact = cluster(vectors, groups, 0.6)
    by_graph = cluster(vectors, groups, 0.6, exact_up_to=100)
    assert pairwise(exact, by_graph)[2] == pytest.approx(1, abs=0.005)
    assert b_cubed(truth, by_graph)[2] > 0.98
    assert by_graph[0] == by_graph[359] != by_graph[1]


def test_more_tracks_than_all_pairs_allow_need_little_memory() -> None:
    vectors, truth = _people(4200, 5, 32, 0.25)
    assert len(vectors) > EXACT_UP_TO
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels = cluster(vectors, Groups(len(vectors)), 0.75)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 600
    assert len(set(labels)) == pytest.approx(4200, rel=0.02)
    sample = np.arange(0, 2000)
    assert b_cubed(truth[sample], labels[sample])[2] > 0.98


def test_the_threshold_is_a_quantile_of_known_different_pairs() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(40, 8)))
    groups = Groups(40)
    groups.add(Links(names=[(track, "made", track) for track in range(40)]), "names")
    found = calibrate(vectors, groups, CARD, 0.01)
    alike = (vectors @ vectors.T)[np.triu_indices(40, 1)]
    assert found.origin == "calibrated"
    assert found.pairs == 780
    assert found.value == pytest.approx(np.quantile(alike, 0.99), abs=1e-6)
    assert found.doubtful == pytest.approx(np.quantile(alike, 0.9), abs=1e-6)
    assert found.confidence(np.array([2.0, -2.0, found.value])) == pytest.approx([1, 0, 0.99], abs=0.002)


def test_a_constant_is_used_only_where_nothing_is_known() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(40, 8)))
    assert calibrate(vectors, Groups(40), CARD, 0.01).origin == "constant"
    assert calibrate(vectors, Groups(40), CARD, 0.01, given=0.4).value == 0.4
    unknown = EmbedderCard("y", "0", 8, "arcface", 8, "", "", "")
    with pytest.raises(InputError, match="only 0 pairs of tracks are known to show two people"):
        calibrate(vectors, Groups(40), unknown, 0.01)
