"""The loop: iterations of a system on a device, with a journal, samples, checkpoints and an orderly stop.

An interrupted and resumed run is the unbroken run: on the CPU bit for bit, since everything that an iteration depends
on is in the checkpoint and nothing is drawn from global random state.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fertools.core.errors import CheckFailed, Interrupted
from fertools.core.progress import Reporter
from fertools.training.engine.average import MovingAverage
from fertools.training.engine.checkpoint import (
    Checkpoint,
    list_checkpoints,
    load_checkpoint,
    pack_networks,
    pack_optimisers,
    save_checkpoint,
    unpack_networks,
    unpack_optimisers,
)
from fertools.training.engine.feed import Feed
from fertools.training.engine.journal import Journal
from fertools.training.engine.pace import Pace
from fertools.training.engine.stopping import StopRequest
from fertools.training.recipe import Recipe
from fertools.training.systems.base import System


@dataclass(frozen=True)
class Places:
    """Where a run keeps its state.

    Attributes:
        checkpoints: folder.
        journal: file.
    """

    checkpoints: Path
    journal: Path


class Loop:
    """One run of a system, from its newest checkpoint if there is one.

    Args:
        system: what is trained; its networks are moved to the device.
        recipe: how.
        feed: the training faces.
        device: torch's name of it.
        places: where state goes.

    Attributes:
        recipe: as given.
        device: as given.
        iteration: iterations done.
    """

    def __init__(self, system: System, recipe: Recipe, feed: Feed, device: str, places: Places) -> None:
        self._system, self.recipe, self._feed, self.device, self._places = system, recipe, feed, device, places
        for network in system.networks.values():
            network.to(device)
        self._optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=recipe.lr, betas=(recipe.beta1, recipe.beta2))
            for name, network in system.networks.items()
        }
        averaged = system.averaged if recipe.ema else ()
        self._average = MovingAverage({name: system.networks[name] for name in averaged}, recipe.ema)
        self._draws = torch.Generator().manual_seed(recipe.seed + 2)
        self.iteration = 0
        if saved := list_checkpoints(places.checkpoints):
            self._restore(load_checkpoint(saved[-1]))
        self._kept = self.iteration

    def network(self, name: str) -> nn.Module:
        """Return the network that samples are drawn with: its moving average if the recipe keeps one."""
        return self._average.networks.get(name, self._system.networks[name])

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return a context in which networks run in the recipe's precision, as far as the device has it."""
        return torch.autocast("cuda", torch.bfloat16) if uses_bf16(self.recipe, self.device) else _float32()

    def run(
        self, report: Reporter, sample: Callable[[int], None] | None = None, saved: Callable[[int], None] | None = None
    ) -> None:
        """Go on until the recipe's number of iterations is done.

        Args:
            report: told of progress and of the expected time.
            sample: called with the iterations done whenever a sample grid is due.
            saved: called with the iterations done after each checkpoint.

        Raises:
            Interrupted: SIGINT or SIGTERM came; the state is saved.
            CheckFailed: a loss is no longer a number; the last checkpoint is from before.
            StorageError: the disk is full; the last checkpoint is intact.
        """
        recipe, begun = self.recipe, self.iteration
        report.start(recipe.iterations - begun)
        pace = Pace(report, recipe.iterations, self.device)
        terms: dict[str, Tensor] = {}
        with Journal(self._places.journal, begun) as journal, StopRequest() as stop:
            while self.iteration < recipe.iterations and stop.signal is None:
                terms = self._iterate()
                self.iteration += 1
                if self._due(recipe.log_every):
                    journal.add(self.iteration, self._checked(terms))
                if self._due(recipe.sample_every) and sample is not None:
                    sample(self.iteration)
                if self._due(recipe.checkpoint_every):
                    self._keep(terms, journal, saved)
                pace.note(self.iteration)
                report.advance(self.iteration - begun)
            if stop.signal is not None:
                if self._kept != self.iteration:
                    self._keep(terms, journal, saved)
                raise Interrupted(
                    f"stopped after iteration {self.iteration} of {recipe.iterations}, state saved; run the same "
                    "command to go on",
                    exit_code=stop.exit_code,
                )

    def _due(self, every: int) -> bool:
        return self.iteration % every == 0 or self.iteration == self.recipe.iterations

    def _iterate(self) -> dict[str, Tensor]:
        batch = self._feed.next()
        draws = self._system.draw(len(batch.images), self._draws)
        draws = {name: values.to(self.device) for name, values in draws.items()}
        rate = self.recipe.lr * rate_factor(self.recipe, self.iteration)
        steps = self._system.iterate(self.iteration, batch, draws)
        terms: dict[str, Tensor] = {}
        while True:
            with self.autocast():
                step = next(steps, None)
            if step is None:
                return terms
            optimiser = self._optimisers[step.network]
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            torch.autograd.backward(step.loss)
            optimiser.step()
            self._average.update(step.network)
            terms |= step.terms

    def _checked(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        values = {name: float(value) for name, value in terms.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise CheckFailed(
                    f"{name} is {value} after iteration {self.iteration}, so training has diverged; begin anew with "
                    "--no-resume and a smaller lr"
                )
        return values

    def _keep(self, terms: Mapping[str, Tensor], journal: Journal, saved: Callable[[int], None] | None) -> None:
        # No checkpoint may hold a state that has diverged, whether this iteration is logged or not.
        self._checked(terms)
        self._save(journal)
        self._kept = self.iteration
        if saved is not None:
            saved(self.iteration)

    def _save(self, journal: Journal) -> None:
        journal.secure()
        feed_tensors, feed_numbers = self._feed.state()
        tensors = {
            **pack_networks("networks", self._system.networks),
            **pack_networks("averages", self._average.networks),
            **pack_optimisers(self._optimisers),
            **{f"feed/{name}": value for name, value in feed_tensors.items()},
            "draws": self._draws.get_state(),
        }
        checkpoint = Checkpoint(self.iteration, tensors, {"feed": feed_numbers})
        save_checkpoint(self._places.checkpoints, checkpoint, self.recipe.keep_checkpoints)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.iteration = checkpoint.iteration
        unpack_networks("networks", self._system.networks, checkpoint.tensors)
        unpack_networks("averages", self._average.networks, checkpoint.tensors)
        unpack_optimisers(self._optimisers, checkpoint.tensors)
        feed = {name: checkpoint.tensors[f"feed/{name}"] for name in self._feed.state()[0]}
        self._feed.restore(feed, checkpoint.record["feed"])
        self._draws.set_state(checkpoint.tensors["draws"])


def rate_factor(recipe: Recipe, iteration: int) -> float:
    """Return what the learning rate is multiplied by at iteration number `iteration`, from 0.

    `linear` is 1 over the first half and falls to 0, which it would reach one iteration after the last.
    """
    if recipe.lr_schedule == "constant":
        return 1.0
    half = recipe.iterations / 2
    return min(1.0, (recipe.iterations - iteration) / half)


def uses_bf16(recipe: Recipe, device: str) -> bool:
    """Return whether networks run in bfloat16: only where the recipe wants it and a CUDA GPU has it."""
    return recipe.precision == "bf16" and device.startswith("cuda") and torch.cuda.is_bf16_supported()


def _float32() -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext()
