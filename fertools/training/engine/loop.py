"""The training loop: iterations of a system on a device, with journal, samples, validation and checkpoints.

A run that was interrupted and resumed equals an uninterrupted run, on the CPU to the bit. A checkpoint has everything
that an iteration depends on. What torch itself draws (dropout) is seeded by the number of the iteration.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from fertools.core.arguments import given
from fertools.core.errors import CheckFailed, Interrupted
from fertools.core.explain import reading
from fertools.core.progress import Reporter
from fertools.core.sealed import check_whole
from fertools.training.data.batch import send
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.engine.checkpoint import RESTORE_OR_RESTART, best_path, checkpoint_path, load_newest
from fertools.training.engine.display import Display
from fertools.training.engine.ema import MovingAverage
from fertools.training.engine.faults import deterministic, explain_faults
from fertools.training.engine.journal import Journal
from fertools.training.engine.optimisers import build_optimiser
from fertools.training.engine.precision import Precision, supported_precision
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import Best, RunState, StatePaths
from fertools.training.engine.stopping import StopRequest
from fertools.training.engine.throughput import TimeEstimate
from fertools.training.recipes.course import Course
from fertools.training.recipes.precisions import read_precisions
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.recipes.schedules import rate_factor
from fertools.training.systems.base import Step, System

Metrics = dict[str, float]


@dataclass(frozen=True)
class Callbacks:
    """Functions that the loop calls during a run, in the first process.

    Attributes:
        sample: called with the iterations done, every `sample_every` iterations and at the end.
        sample_every: iterations between two calls of `sample`.
        validate: returns metrics of the validation faces. The first metric selects the checkpoint; higher is better.
        saved: called with the iterations done, after each checkpoint.
        logged: called with the iterations done and the values that were logged.
    """

    sample: Callable[[int], None] | None = None
    sample_every: int = 1
    validate: Callable[[], Metrics] | None = None
    saved: Callable[[int], None] | None = None
    logged: Callable[[int, Metrics], None] | None = None


class Loop:
    """One run of a system, resumed from its newest checkpoint if there is one.

    Args:
        system: system to train; its networks are moved to the device.
        recipe: recipe of the run.
        course: stages and validations of the run.
        loader: batches of training faces.
        process_group: the processes that train together.
        paths: paths of the checkpoints and the journal.

    Attributes:
        recipe: as given.
        course: as given.
        device: device of this process, by its name for torch.
        iteration: iterations done.
        best: the best validation so far.
        data_wait_s: seconds that this call has waited for data.

    Raises:
        InputError: the newest or the best checkpoint is damaged.
        RecipeError: a batch cannot be split evenly into processes and micro-batches.
    """

    def __init__(
        self,
        system: System,
        recipe: EngineRecipe,
        course: Course,
        loader: BatchLoader,
        process_group: ProcessGroup,
        paths: StatePaths,
    ) -> None:
        self._system, self.recipe, self.course, self._loader, self._process_group = (
            system,
            recipe,
            course,
            loader,
            process_group,
        )
        self.device, self._paths = process_group.device, paths
        for network in (*system.networks.values(), *system.frozen.values(), *system.memory.values()):
            network.to(self.device)
        for network in system.frozen.values():
            network.requires_grad_(False).eval()
        self._optimisers = {name: build_optimiser(plan, system.networks) for name, plan in system.optimisers.items()}
        averaged = system.averaged if recipe.ema else ()
        self._average = MovingAverage({name: system.networks[name] for name in averaged}, recipe.ema)
        if recipe.compile:
            # In place, so that weights keep their names; and after the averages were copied.
            for network in (*system.networks.values(), *system.frozen.values()):
                network.compile()
        self._noise = torch.Generator().manual_seed(recipe.seed + 2)
        parts = {
            name: supported_precision(value, self.device)
            for name, value in read_precisions(recipe.precision_parts, recipe.parts).items()
        }
        self._precision = Precision(supported_precision(recipe.precision, self.device), parts, self.device)
        self._micro_batches = process_group.micro_batches(recipe.batch_size, recipe.accumulate)
        loader.prefetch(slice(self._micro_batches[0].start, self._micro_batches[-1].stop))
        self._state = RunState(
            system,
            self._optimisers,
            self._average,
            self._precision,
            loader,
            self._noise,
            paths,
            recipe.keep_checkpoints,
            process_group,
        )
        self.iteration, self.best, self.data_wait_s = 0, Best(), 0.0
        if (newest := load_newest(paths.checkpoints)) is not None:
            path = checkpoint_path(paths.checkpoints, newest.iteration)
            with reading(path, "is not a checkpoint of this run", RESTORE_OR_RESTART):
                self.iteration, self.best = self._state.restore(newest)
            if self.best.iteration:
                # Check it now, and not at the end of the run, which may be hours later.
                check_whole(best_path(paths.checkpoints), RESTORE_OR_RESTART)
        self._saved_iteration = self.iteration
        self._losses: dict[str, Tensor] = {}
        self._steps: dict[str, tuple[float, Tensor]] = {}

    def network(self, name: str) -> nn.Module:
        """Return a network for evaluation: its moving average if the recipe keeps one.

        Args:
            name: name of the network in the system.
        """
        return self._average.networks.get(name, self._system.networks[name])

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the autocast context of the recipe's default precision."""
        return self._precision.cast("")

    def restore_best(self) -> int:
        """Load the best checkpoint into the networks, if there was a validation; return its iteration."""
        if self.best.iteration:
            return self._state.restore_best()
        return self.iteration

    @property
    def finished(self) -> bool:
        """Whether the run is finished: all iterations are done, or it stops early after `patience` validations."""
        patience = self.course.patience
        return self.iteration >= self.course.iterations or (0 < patience <= self.best.stale)

    def run(self, report: Reporter, callbacks: Callbacks | None = None) -> None:
        """Train until the run is finished.

        Args:
            report: reporter of progress and of the remaining time.
            callbacks: functions to call during the run.

        Raises:
            Interrupted: SIGINT or SIGTERM was received; the state is saved.
            CheckFailed: a loss is NaN or infinite; the last checkpoint is from before.
            StorageError: the disk is full; the last checkpoint is intact.
            RecipeError: there is too little memory; the last checkpoint is intact.
            DeviceError: the GPU has failed; the last checkpoint is intact.
        """
        callbacks, begun, total = callbacks or Callbacks(), self.iteration, self.course.iterations
        report.start(total - begun)
        estimate = TimeEstimate(report, total, self.device)
        display = Display(report, self.recipe.batch_size, self.device, begun)
        terms: dict[str, Tensor] = {}
        with (
            contextlib.ExitStack() as stack,
            StopRequest() as stop,
            deterministic(self.recipe.deterministic),
            explain_faults(begun) as saved,
        ):
            journal = speed = None
            if self._process_group.is_first:
                journal = stack.enter_context(Journal(self._paths.journal, begun))
                speed = stack.enter_context(Journal(self._paths.speed, begun))
            stopped = False
            while not self.finished and not stopped:
                terms = self._iterate()
                self.iteration += 1
                self._run_due_tasks(terms, journal, callbacks)
                if speed is not None and self._due(self.recipe.log_every):
                    losses = {name: float(loss) for name, loss in self._losses.items()}
                    speed.add(self.iteration, display.show(self.iteration, losses))
                saved.append(self._saved_iteration)
                estimate.update(self.iteration)
                report.advance(self.iteration - begun)
                stopped = self._process_group.any(stop.signal is not None)
            if stopped:
                if self._saved_iteration != self.iteration:
                    self._save(terms, journal, callbacks)
                raise Interrupted(
                    f"stopped after iteration {self.iteration} of {total}, state saved; run the same command to resume",
                    exit_code=stop.exit_code,
                )

    def _run_due_tasks(self, terms: Mapping[str, Tensor], journal: Journal | None, callbacks: Callbacks) -> None:
        """Log, sample, validate and save a checkpoint, where that is due after this iteration."""
        if self._due(self.recipe.log_every):
            values = self._finite_values(terms)
            self._log(journal, callbacks, values | self._describe_steps())
        if callbacks.sample is not None and self._due(callbacks.sample_every) and self._process_group.is_first:
            callbacks.sample(self.iteration)
        validates = callbacks.validate is not None and self.course.validate_every > 0
        if validates and self._due(self.course.validate_every):
            # A diverged state must not become the best one.
            self._finite_values(terms)
            self._validate(journal, callbacks)
            self._save(terms, journal, callbacks)
        elif self._due(self.recipe.checkpoint_every):
            self._save(terms, journal, callbacks)

    def _describe_steps(self) -> Metrics:
        """Return the learning rate and the gradient norm of each optimiser that took a step in this iteration."""
        values: Metrics = {}
        for name, (rate, norm) in self._steps.items():
            values[f"lr/{name}"] = rate
            # A step that overflowed in half precision was skipped.
            if math.isfinite(size := float(norm)):
                values[f"gradient/{name}"] = size
        return values

    def _due(self, every: int) -> bool:
        return self.iteration % every == 0 or self.iteration == self.course.iterations

    def _iterate(self) -> dict[str, Tensor]:
        began_s = time.monotonic()
        self._steps.clear()
        plan, position = self._loader.next(), self.course.at(self.iteration)
        noise = self._system.draw(self._loader.labels(plan), self._noise)
        batches = [
            self._system.iterate(
                position,
                self._loader.load(plan.select(micro_batch)),
                {name: send(values[micro_batch], self.device) for name, values in noise.items()},
                self._precision.cast,
            )
            for micro_batch in self._micro_batches
        ]
        self.data_wait_s += time.monotonic() - began_s
        terms: dict[str, Tensor] = {}
        with self._seeded_iteration():
            while steps := self._backward(batches):
                terms |= self._apply_step(steps)
        # Each process has seen other faces, but all must continue with the same running statistics.
        self._process_group.average(
            buffer
            for network in self._system.networks.values()
            for buffer in network.buffers()
            if buffer.is_floating_point()
        )
        return terms

    def _backward(self, batches: Sequence[Iterator[Step]]) -> list[Step]:
        """Differentiate the next step of each micro-batch and sum the gradients; return no steps after the last one."""
        steps: list[Step] = []
        for micro_batch in batches:
            if (step := next(micro_batch, None)) is None:
                break
            if not steps:
                self._optimisers[step.optimiser].zero_grad()
            torch.autograd.backward(self._precision.scaler.scale(step.loss / len(batches)))
            # The loss would keep its graph in memory.
            steps.append(replace(step, loss=step.loss.detach()))
        return steps

    def _apply_step(self, steps: Sequence[Step]) -> dict[str, Tensor]:
        """Take the step of an optimiser with the current gradients, and return the means of the terms."""
        name = steps[0].optimiser
        optimiser, plan, scaler = self._optimisers[name], self._system.optimisers[name], self._precision.scaler
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        self._process_group.average(weight.grad for weight in weights if weight.grad is not None)
        scaler.unscale_(optimiser)
        norm = None
        if self.recipe.clip_norm:
            norm = nn.utils.clip_grad_norm_(weights, self.recipe.clip_norm)
        elif (self.iteration + 1) % self.recipe.log_every == 0:
            sizes = [torch.linalg.vector_norm(weight.grad) for weight in weights if weight.grad is not None]
            norm = torch.linalg.vector_norm(torch.stack(sizes))
        position = self.course.at(self.iteration)
        rate = plan.lr * rate_factor(
            plan.schedule,
            plan.warmup,
            position.in_stage,
            position.stage_iterations,
            epoch=self.course.epoch or 1,
            decay_epochs=plan.decay_epochs,
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        if norm is not None:
            self._steps[name] = rate, norm
        scaler.step(optimiser)
        scaler.update()
        for network in plan.networks:
            self._average.update(network, self.iteration)
        self._losses[name] = torch.stack([step.loss for step in steps]).mean()
        if len(steps) == 1:
            return steps[0].terms
        return {term: torch.stack([step.terms[term] for step in steps]).mean(dim=0) for term in steps[0].terms}

    @contextlib.contextmanager
    def _seeded_iteration(self) -> Iterator[None]:
        """Seed the global random state of torch with the run's seed, the iteration and the rank."""
        devices = [self.device] if self.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            mixed = np.random.SeedSequence([self.recipe.seed, self.iteration, self._process_group.rank])
            torch.manual_seed(int(mixed.generate_state(1, np.uint64)[0] >> 1))
            yield

    def _finite_values(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the terms as floats, averaged over all processes; raise if one is NaN or infinite."""
        together = torch.stack([value.float() for value in terms.values()])
        self._process_group.average([together])
        values = dict(zip(terms, together.tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise CheckFailed(
                    f"{name} is {value} after iteration {self.iteration}, so training has diverged; start again with "
                    f"{given('resume', False)} and a smaller lr"
                )
        return values

    def _validate(self, journal: Journal | None, callbacks: Callbacks) -> None:
        """Compute the validation metrics, and save the weights if they are the best so far."""
        metrics = callbacks.validate() if callbacks.validate is not None and journal is not None else {}
        value = self._process_group.broadcast(next(iter(metrics.values()), 0.0))
        better = not self.best.iteration or value > self.best.value
        self.best = Best(self.iteration, value, 0) if better else replace(self.best, stale=self.best.stale + 1)
        self._log(journal, callbacks, {f"val/{name}": number for name, number in metrics.items()})
        if better and journal is not None:
            self._state.save_best(self.iteration, self.best)

    def _log(self, journal: Journal | None, callbacks: Callbacks, values: Metrics) -> None:
        if journal is not None:
            journal.add(self.iteration, values)
            if callbacks.logged is not None:
                callbacks.logged(self.iteration, values)

    def _save(self, terms: Mapping[str, Tensor], journal: Journal | None, callbacks: Callbacks) -> None:
        # A diverged state must not be saved, whether this iteration is logged or not.
        self._finite_values(terms)
        if journal is not None:
            journal.sync()
        self._state.save(self.iteration, self.best)
        self._saved_iteration = self.iteration
        if callbacks.saved is not None and journal is not None:
            callbacks.saved(self.iteration)
