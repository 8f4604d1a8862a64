"""The stages of a run, and the learning rate that falls by epochs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.training.recipes.course import Course, Iteration, Stage
from fertools.training.recipes.schedules import rate_factor

TWO = Course((Stage("warm-up", 2), Stage("train", 3)), epoch=1)


def test_every_iteration_stands_in_its_stage() -> None:
    assert TWO.iterations == 5
    assert [TWO.at(number) for number in range(5)] == [
        Iteration(0, "warm-up", 0, 2),
        Iteration(1, "warm-up", 1, 2),
        Iteration(2, "train", 0, 3),
        Iteration(3, "train", 1, 3),
        Iteration(4, "train", 2, 3),
    ]


def test_the_last_stage_holds_what_comes_after_the_end() -> None:
    assert TWO.at(7) == Iteration(7, "train", 5, 3)


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_iterations_are_counted_from_0_in_each_stage(lengths: list[int]) -> None:
    course = Course(tuple(Stage(f"stage {number}", length) for number, length in enumerate(lengths)))
    expected = [(f"stage {number}", place, length) for number, length in enumerate(lengths) for place in range(length)]
    found = [course.at(number) for number in range(course.iterations)]
    assert [(at.stage, at.in_stage, at.stage_iterations) for at in found] == expected
    assert [at.number for at in found] == list(range(len(expected)))


def test_a_stage_of_no_length_is_passed_over() -> None:
    course = Course((Stage("none", 0), Stage("train", 2)))
    assert course.at(0) == Iteration(0, "train", 0, 2)


def test_a_course_of_one_stage() -> None:
    course = Course.of(7, validate_every=3, patience=2, epoch=4)
    assert course.stages == (Stage("train", 7),)
    assert (course.iterations, course.validate_every, course.patience, course.epoch) == (7, 3, 2, 4)
    assert Course.of(7) == Course((Stage("train", 7),), validate_every=0, patience=0, epoch=0)


@given(steady=st.integers(0, 6), falling=st.integers(0, 6), epoch=st.integers(1, 5))
def test_the_rate_falls_by_epochs_as_the_closed_form_says(steady: int, falling: int, epoch: int) -> None:
    """1 - max(0, e - n) / (d + 1) in epoch e, from 1, of n steady and d falling ones: constant within an epoch."""
    total = (steady + falling) * epoch
    for iteration in range(total):
        number = iteration // epoch + 1
        expected = 1 - max(0, number - steady) / (falling + 1)
        found = rate_factor("epochs", 0, iteration, total, epoch=epoch, decay_epochs=falling)
        assert found == pytest.approx(expected)
        assert 0 < found <= 1


def test_the_rate_that_falls_by_epochs_written_out() -> None:
    rates = [rate_factor("epochs", 0, iteration, 10, epoch=2, decay_epochs=3) for iteration in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25])
    rising = [rate_factor("epochs", 1, iteration, 10, epoch=2, decay_epochs=3) for iteration in range(10)]
    assert rising == pytest.approx([0.5, *rates[1:]]), "a warm-up comes on top"
