from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.annotations.consensus import fuse, majority, rater_weights
from fertools.core.errors import InputError

NAN = float("nan")
VALUES = np.array([[0.1, 0.2, 0.9], [0.4, 0.5, -0.2], [0.8, 0.6, NAN], [NAN, 0.3, 0.3], [NAN, NAN, NAN]])
NAMES = ("anna", "ben", "cleo")


def test_mean_and_median_pass_over_gaps() -> None:
    mean = fuse(VALUES, NAMES, "mean", "valence")
    np.testing.assert_allclose(mean.fused, [0.4, 0.7 / 3, 0.7, 0.3, NAN])
    assert mean.raters.tolist() == [3, 3, 2, 2, 0]
    np.testing.assert_allclose(mean.spread[:3], [np.std(VALUES[row][: 3 - row // 2], ddof=1) for row in range(3)])
    assert fuse(VALUES[:, :1], NAMES[:1], "mean", "valence").spread.tolist() != [0.0] * 5
    np.testing.assert_allclose(fuse(VALUES, NAMES, "median", "valence").fused, [0.2, 0.4, 0.7, 0.3, NAN])


def _literal_weights(values: list[list[float]]) -> list[float]:
    """The mean of the correlations with the others, negative ones at 0, rater by rater."""
    weights = []
    for one in range(len(values[0])):
        found = []
        for other in range(len(values[0])):
            both = [(row[one], row[other]) for row in values if one != other and row[one] == row[one]]
            both = [(a, b) for a, b in both if b == b]
            if one != other:
                found.append(np.corrcoef(np.array(both).T)[0, 1])
        weights.append(max(0.0, float(np.mean(found))))
    return weights


def test_weights_are_mean_correlations_and_the_value_is_the_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 1)) + rng.normal(size=(50, 3)) * np.array([0.2, 0.6, 1.5])
    values[rng.random(values.shape) < 0.2] = NAN
    found = fuse(values, NAMES, "ewe", "valence")
    expected = _literal_weights(values.tolist())
    assert found.weights == pytest.approx(dict(zip(NAMES, expected, strict=True)))
    assert expected[0] > expected[2]
    for row, value in zip(values, found.fused, strict=True):
        there = [(weight, cell) for weight, cell in zip(expected, row.tolist(), strict=True) if cell == cell]
        if there:
            assert value == pytest.approx(sum(w * c for w, c in there) / sum(w for w, _ in there))
        else:
            assert np.isnan(value)


def test_who_says_the_reverse_does_not_count_at_all() -> None:
    slope = np.linspace(-1, 1, 9)
    values = np.column_stack([slope, slope**3, -slope, slope + 0.1])
    values = np.vstack([values, [NAN, NAN, 0.5, NAN]])
    found = fuse(values, (*NAMES, "dora"), "ewe", "arousal")
    assert found.weights is not None
    assert found.weights["cleo"] == 0
    assert found.raters.tolist() == [3] * 9 + [0]
    assert np.isnan(found.fused[9])


@pytest.mark.parametrize(
    ("values", "raters", "words"),
    [
        pytest.param([[0.1], [0.2]], ["anna"], "two raters or more", id="alone"),
        pytest.param([[0.1, NAN], [NAN, 0.2]], ["anna", "ben"], "no two items in common", id="apart"),
        pytest.param([[0.1, 0.5], [0.2, 0.5]], ["anna", "ben"], "never varies", id="flat"),
        pytest.param([[0.1, 0.5], [0.2, 0.4]], ["anna", "ben"], "all weights are 0", id="reverse"),
    ],
)
def test_weights_that_cannot_be_are_refused(values: list[list[float]], raters: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rater_weights(np.array(values), raters, "valence")


@given(st.lists(st.lists(st.integers(-1, 3), min_size=3, max_size=3), min_size=1, max_size=20))
def test_the_majority_is_the_only_mode(table: list[list[int]]) -> None:
    codes, tied = majority(np.array(table), 4)
    for row, code, tie in zip(table, codes.tolist(), tied.tolist(), strict=True):
        votes = [one for one in row if one >= 0]
        modes = [label for label in range(4) if votes and votes.count(label) == max(map(votes.count, votes))]
        assert code == (modes[0] if len(modes) == 1 else -1)
        assert tie == (len(modes) > 1)
