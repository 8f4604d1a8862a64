"""How long a run is, and the stages that it consists of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of a run in which the same optimisers take the same steps.

    Attributes:
        name: of the stage, which the system's `iterate` is told.
        iterations: how long it is.
    """

    name: str
    iterations: int


@dataclass(frozen=True)
class Iteration:
    """Where in a run an iteration stands.

    Attributes:
        number: of the iteration in the run, from 0.
        stage: name of the stage.
        in_stage: number of the iteration in its stage, from 0.
        stage_iterations: how long the stage is.
    """

    number: int
    stage: str = "train"
    in_stage: int = 0
    stage_iterations: int = 1


@dataclass(frozen=True)
class Course:
    """How long a run is.

    Attributes:
        stages: its parts, one after another.
        validate_every: iterations between two validations; 0 for none.
        patience: validations without a new best after which the run ends early; 0 for never.
        epoch: iterations in which every face of the largest domain comes once; 0 where nothing counts epochs.
    """

    stages: tuple[Stage, ...]
    validate_every: int = 0
    patience: int = 0
    epoch: int = 0

    @classmethod
    def of(cls, iterations: int, **options: int) -> Course:
        """Return a course of one stage."""
        return cls((Stage("train", iterations),), **options)

    @property
    def iterations(self) -> int:
        """The iterations of all stages."""
        return sum(stage.iterations for stage in self.stages)

    def at(self, number: int) -> Iteration:
        """Return where in the run iteration `number` (from 0) stands; the last stage holds what comes after the end.

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
