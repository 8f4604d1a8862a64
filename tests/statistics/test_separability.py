"""Two groups of features told apart by a new classifier."""

from __future__ import annotations

import numpy as np
import pytest

from fertools.statistics.separability import separability


def test_a_new_classifier_tells_what_differs_and_guesses_what_does_not() -> None:
    rng = np.random.default_rng(0)
    some, same, others = rng.normal(0, 1, (200, 8)), rng.normal(0, 1, (200, 8)), rng.normal(0, 1, (150, 8))
    others[:, 3] += 10
    assert separability(some, others) == 1
    assert separability(some, same) == pytest.approx(0.5, abs=0.1)
    assert separability(some, same[:10]) == pytest.approx(0.5, abs=0.25), "groups weigh alike"


def test_a_classifier_is_tested_on_faces_that_it_has_not_seen() -> None:
    # With more features than faces, it would tell any two groups that it has seen apart.
    rng = np.random.default_rng(1)
    assert separability(rng.normal(0, 1, (40, 200)), rng.normal(0, 1, (40, 200))) < 0.75
