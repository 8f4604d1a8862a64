"""The loop: iterations of a system on a device, with a journal, samples, validation, checkpoints and an orderly stop.

An interrupted and resumed run is the unbroken run: on the CPU bit for bit, since everything that an iteration depends
on is in the checkpoint, and what torch draws by itself (dropout) comes from a state that the iteration's number gives.
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
from fertools.training.engine.faults import explain_faults, deterministic
from fertools.training.engine.journal import Journal
from fertools.training.engine.optimisers import build_optimiser
from fertools.training.engine.precision import Precision, supported_precision
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import Best, StatePaths, RunState
from fertools.training.engine.stopping import StopRequest
from fertools.training.engine.throughput import TimeEstimate
from fertools.training.recipes.course import Course
from fertools.training.recipes.recipe import EngineRecipe, read_precisions
from fertools.training.recipes.schedules import rate_factor
from fertools.training.systems.base import Step, System

Metrics = dict[str, float]


@dataclass(frozen=True)
class Callbacks:
    """What else happens in a run.

    Attributes:
        sample: called with the iterations done every `sample_every` iterations and at the end, in the first process.
        sample_every: see above.
        validate: returns measures of the validation part; the first is what the best state is chosen by, and more is
            better. Called in the first process.
        saved: called with the iterations done after each checkpoint, in the first process.
        logged: called with the iterations done and what the journal was given, in the first process.
    """

    sample: Callable[[int], None] | None = None
    sample_every: int = 1
    validate: Callable[[], Metrics] | None = None
    saved: Callable[[int], None] | None = None
    logged: Callable[[int, Metrics], None] | None = None


class Loop:
    """One run of a system, from its newest checkpoint if there is one.

    Args:
        system: what is trained; its networks are moved to the device.
        recipe: how.
        course: how long.
        loader: the training faces.
        process_group: the processes that train together.
        paths: where state goes.

    Attributes:
        recipe: as given.
        course: as given.
        device: torch's name of what this process works on.
        iteration: iterations done.
        best: the best validation so far.
        data_wait_s: how long this call has waited for data.

    Raises:
        InputError: the newest checkpoint, or the best state, is damaged.
        RecipeError: a batch cannot be dealt out evenly to processes and parts.
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
            # In place, so that weights keep their names; after the averages, which are copies.
            for network in system.networks.values():
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
            with reading(path, "is no checkpoint of this run", RESTORE_OR_RESTART):
                self.iteration, self.best = self._state.restore(newest)
            if self.best.iteration:
                # Now, and not after hours when it is wanted.
                check_whole(best_path(paths.checkpoints), RESTORE_OR_RESTART)
        self._saved_iteration = self.iteration
        self._losses: dict[str, Tensor] = {}
        self._steps: dict[str, tuple[float, Tensor]] = {}

    def network(self, name: str) -> nn.Module:
        """Return the network that is used in the end: its moving average if the recipe keeps one."""
        return self._average.networks.get(name, self._system.networks[name])

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return a context in which networks run in the recipe's precision, as far as the device has it."""
        return self._precision.cast("")

    def restore_best(self) -> int:
        """Put the weights that were best in validation, if there was one, into the networks; return their iteration."""
        if self.best.iteration:
            return self._state.restore_best()
        return self.iteration

    @property
    def finished(self) -> bool:
        """Whether the run is at its end: all iterations done, or no better validation for long enough."""
        patience = self.course.patience
        return self.iteration >= self.course.iterations or (0 < patience <= self.best.stale)

    def run(self, report: Reporter, callbacks: Callbacks | None = None) -> None:
        """Go on until the run is over.

        Args:
            report: told of progress and of the expected time.
            callbacks: what else happens.

        Raises:
            Interrupted: SIGINT or SIGTERM came; the state is saved.
            CheckFailed: a loss is no longer a number; the last checkpoint is from before.
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
                estimate.note(self.iteration)
                report.advance(self.iteration - begun)
                stopped = self._process_group.any(stop.signal is not None)
            if stopped:
                if self._saved_iteration != self.iteration:
                    self._save(terms, journal, callbacks)
                raise Interrupted(
                    f"stopped after iteration {self.iteration} of {total}, state saved; run the same command to go on",
                    exit_code=stop.exit_code,
                )

    def _run_due_tasks(self, terms: Mapping[str, Tensor], journal: Journal | None, callbacks: Callbacks) -> None:
        """Do what is due after an iteration: a line in the journal, samples, validation, a checkpoint."""
        if self._due(self.recipe.log_every):
            values = self._finite_values(terms)
            self._log(journal, callbacks, values | self._describe_steps())
        if callbacks.sample is not None and self._due(callbacks.sample_every) and self._process_group.is_first:
            callbacks.sample(self.iteration)
        validates = callbacks.validate is not None and self.course.validate_every > 0
        if validates and self._due(self.course.validate_every):
            # No state that has diverged may become the best.
            self._finite_values(terms)
            self._validate(journal, callbacks)
            self._save(terms, journal, callbacks)
        elif self._due(self.recipe.checkpoint_every):
            self._save(terms, journal, callbacks)

    def _describe_steps(self) -> Metrics:
        """Return the learning rate and the norm of the gradient of each optimiser that took a step just now."""
        told: Metrics = {}
        for name, (rate, norm) in self._steps.items():
            told[f"lr/{name}"] = rate
            # Where a step was too large for half precision, it was left out.
            if math.isfinite(size := float(norm)):
                told[f"gradient/{name}"] = size
        return told

    def _due(self, every: int) -> bool:
        return self.iteration % every == 0 or self.iteration == self.course.iterations

    def _iterate(self) -> dict[str, Tensor]:
        began_s = time.monotonic()
        self._steps.clear()
        plan, at = self._loader.next(), self.course.at(self.iteration)
        noise = self._system.draw(self._loader.labels(plan), self._noise)
        batches = [
            self._system.iterate(
                at,
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
        # Each process has seen other faces; those who save and those who go on must agree.
        self._process_group.average(
            buffer
            for network in self._system.networks.values()
            for buffer in network.buffers()
            if buffer.is_floating_point()
        )
        return terms

    def _backward(self, batches: Sequence[Iterator[Step]]) -> list[Step]:
        """Return the next step of each piece of a batch, their gradients summed; none when the iteration is over."""
        steps: list[Step] = []
        for micro_batch in batches:
            if (step := next(micro_batch, None)) is None:
                break
            if not steps:
                self._optimisers[step.optimiser].zero_grad()
            torch.autograd.backward(self._precision.scaler.scale(step.loss / len(batches)))
            # The loss itself would keep what the graph holds in memory.
            steps.append(replace(step, loss=step.loss.detach()))
        return steps

    def _apply_step(self, steps: Sequence[Step]) -> dict[str, Tensor]:
        """Take an optimiser's step by the gradients that are there, and return the means of the terms."""
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
        at = self.course.at(self.iteration)
        rate = plan.lr * rate_factor(
            plan.schedule,
            plan.warmup,
            at.in_stage,
            at.stage_iterations,
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
            self._average.update(network)
        self._losses[name] = torch.stack([step.loss for step in steps]).mean()
        if len(steps) == 1:
            return steps[0].terms
        return {term: torch.stack([step.terms[term] for step in steps]).mean(dim=0) for term in steps[0].terms}

    @contextlib.contextmanager
    def _seeded_iteration(self) -> Iterator[None]:
        """Let what torch draws by itself depend on the run's seed, the iteration and the process alone."""
        devices = [self.device] if self.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            mixed = np.random.SeedSequence([self.recipe.seed, self.iteration, self._process_group.rank])
            torch.manual_seed(int(mixed.generate_state(1, np.uint64)[0] >> 1))
            yield

    def _finite_values(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the terms as numbers, their means over all processes, if they are numbers."""
        together = torch.stack([value.float() for value in terms.values()])
        self._process_group.average([together])
        values = dict(zip(terms, together.tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise CheckFailed(
                    f"{name} is {value} after iteration {self.iteration}, so training has diverged; begin anew with "
                    f"{given('resume', False)} and a smaller lr"
                )
        return values

    def _validate(self, journal: Journal | None, callbacks: Callbacks) -> None:
        """Measure the validation part, and keep this state apart if it is the best so far."""
        measures = callbacks.validate() if callbacks.validate is not None and journal is not None else {}
        value = self._process_group.broadcast(next(iter(measures.values()), 0.0))
        better = not self.best.iteration or value > self.best.value
        self.best = Best(self.iteration, value, 0) if better else replace(self.best, stale=self.best.stale + 1)
        self._log(journal, callbacks, {f"val/{name}": number for name, number in measures.items()})
        if better and journal is not None:
            self._state.save_best(self.iteration, self.best)

    def _log(self, journal: Journal | None, callbacks: Callbacks, values: Metrics) -> None:
        if journal is not None:
            journal.add(self.iteration, values)
            if callbacks.logged is not None:
                callbacks.logged(self.iteration, values)

    def _save(self, terms: Mapping[str, Tensor], journal: Journal | None, callbacks: Callbacks) -> None:
        # No checkpoint may hold a state that has diverged, whether this iteration is logged or not.
        self._finite_values(terms)
        if journal is not None:
            journal.sync()
        self._state.save(self.iteration, self.best)
        self._saved_iteration = self.iteration
        if callbacks.saved is not None and journal is not None:
            callbacks.saved(self.iteration)
