"""The length of a run and its stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of a run in which the same optimisers take the same steps.

    Attributes:
        name: name of the stage, which the system's `iterate` gets.
        iterations: length of the stage.
    """

    name: str
    iterations: int


@dataclass(frozen=True)
class Iteration:
    """The position of an iteration in a run.

    Attributes:
        number: number of the iteration in the run, from 0.
        stage: name of the stage.
        in_stage: number of the iteration in its stage, from 0.
        stage_iterations: length of the stage in iterations.
    """

    number: int
    stage: str = "train"
    in_stage: int = 0
    stage_iterations: int = 1


@dataclass(frozen=True)
class Course:
    """The schedule of a run: its stages and its validations.

    Attributes:
        stages: the stages in order.
        validate_every: iterations between two validations; 0 for none.
        patience: validations without a new best after which the run stops early; 0 for never.
        epoch: iterations of an epoch of the largest domain; 0 if nothing counts epochs.
    """

    stages: tuple[Stage, ...]
    validate_every: int = 0
    patience: int = 0
    epoch: int = 0

    @classmethod
    def of(cls, iterations: int, **options: int) -> Course:
        """Return a course of one stage.

        Args:
            iterations: length of the run.
            options: `validate_every`, `patience` and `epoch`.
        """
        return cls((Stage("train", iterations),), **options)

    @property
    def iterations(self) -> int:
        """The number of iterations of all stages."""
        return sum(stage.iterations for stage in self.stages)

    def at(self, number: int) -> Iteration:
        """Return the position of iteration `number` (from 0); after the end of the run, it is in the last stage.

        Example:
            >>> Course((Stage("warm-up", 2), Stage("train", 5))).at(3)
            Iteration(number=3, stage='train', in_stage=1, stage_iterations=5)
        """
        begun = 0
        for stage in self.stages[:-1]:
            if number < begun + stage.iterations:
                break
            begun += stage.iterations
        else:
            stage = self.stages[-1]
        return Iteration(number, stage.name, number - begun, stage.iterations)
