from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.annotations.queue import (
    CALIBRATION,
    MAIN,
    REPEAT,
    REPEAT_AFTER,
    REPEAT_EVERY,
    Words,
    is_hidden,
    make_queue,
)
from fertools.annotations.queue_plan import Plan
from fertools.core.errors import InputError

KEYS: Words = np.random.default_rng(0).integers(0, 2**64, 4000, dtype=np.uint64)


def _main(plan: Plan, raters: list[str], rater: str, keys: Words = KEYS) -> list[int]:
    queue = make_queue(keys, plan, [], raters, rater)
    return [int(row) for row in queue.rows[queue.parts == MAIN]]


def test_everyone_gets_all_in_an_order_of_their_own_that_is_always_the_same() -> None:
    anna, ben = (_main(Plan(), ["anna", "ben"], rater) for rater in ("anna", "ben"))
    assert sorted(anna) == sorted(ben) == list(range(len(KEYS)))
    assert anna != ben
    assert anna == _main(Plan(), ["ben", "anna", "carl"], "anna")
    assert anna != _main(Plan(seed=1), ["anna", "ben"], "anna")


def test_new_faces_do_not_reorder_the_old_ones() -> None:
    before = _main(Plan(), ["anna"], "anna", KEYS[:3000])
    after = [row for row in _main(Plan(), ["anna"], "anna") if row < 3000]
    assert before == after


@given(st.integers(0, 1000), st.floats(0, 1), st.integers(2, 5))
def test_what_is_not_shared_goes_to_one_rater_each(seed: int, overlap: float, count: int) -> None:
    raters = [f"r{n}" for n in range(count)]
    plan = Plan(seed=seed, overlap=overlap)
    owners = np.zeros(len(KEYS), int)
    for rater in raters:
        owners[_main(plan, raters, rater)] += 1
    assert set(owners.tolist()) <= {1, count}
    assert abs((owners == count).mean() - overlap) < 0.05


def test_a_newcomer_takes_from_all_and_nothing_else_changes_hands() -> None:
    plan = Plan(overlap=0.2)
    before = {rater: set(_main(plan, ["a", "b"], rater)) for rater in "ab"}
    after = {rater: set(_main(plan, ["a", "b", "c"], rater)) for rater in "abc"}
    for rater in "ab":
        assert after[rater] <= before[rater]
        assert before[rater] - after[rater] <= after["c"]
    sizes = [len(after[rater]) for rater in "abc"]
    assert max(sizes) < 1.15 * min(sizes)


def test_calibration_comes_first_and_again_between_the_others() -> None:
    chosen = [5, 17, 99]
    queue = make_queue(KEYS, Plan(), chosen, ["anna"], "anna")
    assert queue.rows[:3].tolist() == chosen
    assert (queue.parts[:3] == CALIBRATION).all()
    assert len(queue) == len(KEYS) + 3
    again = np.flatnonzero(queue.parts == REPEAT)
    assert sorted(queue.rows[again].tolist()) == chosen
    first = 3 + REPEAT_AFTER
    assert again.tolist() == [first + number * (REPEAT_EVERY + 1) for number in range(3)]
    assert not set(queue.rows[queue.parts == MAIN].tolist()) & set(chosen)


def test_with_few_faces_the_repeats_come_at_the_end() -> None:
    queue = make_queue(KEYS[:12], Plan(), [0, 1], ["anna"], "anna")
    assert queue.parts.tolist() == [CALIBRATION] * 2 + [MAIN] * 10 + [REPEAT] * 2


def test_the_hidden_share_is_as_asked_for_and_not_tied_to_the_overlap() -> None:
    hidden = is_hidden(KEYS, Plan(hidden=0.25))
    assert abs(hidden.mean() - 0.25) < 0.03
    assert not is_hidden(KEYS, Plan(hidden=0)).any()
    assert is_hidden(KEYS, Plan(hidden=1)).all()
    shared = np.zeros(len(KEYS), bool)
    shared[list(set(_main(Plan(overlap=0.5), ["a", "b"], "a")) & set(_main(Plan(overlap=0.5), ["a", "b"], "b")))] = True
    assert abs(hidden[shared].mean() - hidden[~shared].mean()) < 0.05


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"overlap": 1.5}, "`overlap` 1.5"),
        ({"hidden": -0.1}, "`hidden` -0.1"),
        ({"calibration": -1}, "`calibration` is -1"),
    ],
)
def test_plans_that_cannot_be(values: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Plan(**values)  # type: ignore[arg-type]
