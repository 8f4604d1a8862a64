"""Time training beside plain loops that do the same, compare their losses, and say how long a run waits for data.

    .venv/bin/python tests/benchmarks/bench_train.py [stargan classifier] [--preset cpu] [--set key=value ...]
        [--faces 256] [--iterations 120] [--block 10] [--loader memory] [--device cpu] [--threads 2]

Each system is trained by the engine, with a journal and all else that a run has, and by a loop as one writes it by
hand, on this page: faces indexed from one float tensor in memory (`--loader memory`, which is as fast as a plain loop
can be) or read by torch's DataLoader from their files (`--loader files`). The plain StarGAN differentiates the gradient
penalty twice, lets real and made faces through the discriminator one after another, and makes the faces anew for the
generator's step. Both begin with the same weights and get the same faces in the same order with the same random
numbers, so that their losses can be compared.

The two take turns, a block of iterations each, so that a change of the machine's pace touches both; blocks of the
first epoch are left out. Printed are the median times of an iteration, the median of the ratios block by block with
the quartiles, the median ratio of processor time, the share of the engine's time that passes before a batch with all
its random numbers lies on the device, and the largest difference of a loss in the first iterations.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import math
import statistics
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

# Run as a script, only this folder is on the path; the faces are drawn by what lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.training.data import Faces, select_faces
from fertools.training.engine.augment import Augmentation
from fertools.training.engine.feed import Feed, Order
from fertools.training.engine.journal import read_journal
from fertools.training.engine.loop import Hooks, Loop
from fertools.training.engine.state import Places
from fertools.training.engine.team import Team
from fertools.training.pixels import load_pixels
from fertools.training.recipe import EngineRecipe
from fertools.training.resolve import resolve_recipe
from fertools.training.systems import find_system
from fertools.training.systems.base import Draws, System
from tests.training.blobs import blob_rows, write_blobs

COMPARED = 6
"""Losses are compared over so many first iterations; in a GAN rounding grows tenfold with each two more."""
STILL = ("rotate_deg", "shift", "scale", "brightness", "contrast", "erase", "mixup")
"""What a plain loop of a classifier leaves out; faces are mirrored, and that is all."""

Turn = tuple[Order, Draws]


class Crops(Dataset[Tensor]):
    """Faces as a plain loader reads them: a file, decoded and resized, for each time that it comes."""

    def __init__(self, workspace: Workspace, faces: Faces, size_px: int) -> None:
        self._paths = [workspace.root / name for name in faces.table["path"].to_pylist()]
        self._size_px = size_px

    def __getitem__(self, row: int) -> Tensor:
        bgr = cv2.imread(str(self._paths[row]), cv2.IMREAD_COLOR)
        assert bgr is not None
        resized = cv2.resize(bgr, (self._size_px, self._size_px), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(np.ascontiguousarray(resized[..., ::-1])).permute(2, 0, 1).float() / 127.5 - 1


class Plain(ABC):
    """A loop as one writes it by hand; it goes on a block at a time."""

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str) -> None:
        self.recipe, self.total, self.device, self.done = recipe, total, device, 0
        self.networks = {name: copy.deepcopy(network).to(device) for name, network in system.networks.items()}
        averaged = system.averaged if recipe.ema else ()
        self.averages = {name: copy.deepcopy(self.networks[name]) for name in averaged}
        self.labels = torch.from_numpy(faces.emotions).to(device)
        self.losses: list[dict[str, float]] = []
        self.optimisers: dict[str, torch.optim.Optimizer] = {}

    def run(self, batches: Iterator[Tensor], turns: list[Turn]) -> None:
        for order, draws in turns:
            images = next(batches)
            mirrored = order.changes[:, 0].lt(0.5).to(self.device)
            images[mirrored] = images[mirrored].flip(3)
            self.losses.append(self.step(images, self.labels[order.rows.to(self.device)], draws))
            for name, average in self.averages.items():
                with torch.no_grad():
                    for kept, new in zip(average.parameters(), self.networks[name].parameters(), strict=True):
                        kept.lerp_(new, 1 - self.recipe.ema)
            self.done += 1

    @abstractmethod
    def step(self, images: Tensor, labels: Tensor, draws: Draws) -> dict[str, float]:
        """Train on one batch and return its losses."""

    def update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.recipe.clip_norm)
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.lr * self.factor()
        optimiser.step()

    def factor(self) -> float:
        rising: float = min(1.0, (self.done + 1) / (self.recipe.warmup + 1))
        if self.recipe.lr_schedule == "linear":
            return rising * min(1.0, 2 * (self.total - self.done) / self.total)
        if self.recipe.lr_schedule == "cosine":
            done = max(0, self.done - self.recipe.warmup) / (self.total - self.recipe.warmup)
            return rising * (1 + math.cos(math.pi * done)) / 2
        return rising


class PlainStargan(Plain):
    """StarGAN's two steps as its reference takes them."""

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str) -> None:
        super().__init__(recipe, system, faces, total, device)
        betas = recipe.beta1, recipe.beta2
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), recipe.lr, betas) for name, network in self.networks.items()
        }

    def step(self, images: Tensor, labels: Tensor, draws: Draws) -> dict[str, float]:
        recipe = self.recipe
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        wanted = draws["emotions"].to(self.device)
        own, target = (F.one_hot(classes, 7).float() for classes in (labels, wanted))
        critic, head = discriminator(images)
        real, named = -critic.mean(), F.cross_entropy(head, labels)
        made = generator(images, target).detach()
        fake = discriminator(made)[0].mean()
        alpha = draws["alpha"].to(self.device)
        between = (alpha * images + (1 - alpha) * made).requires_grad_()
        score = discriminator(between)[0]
        (slope,) = torch.autograd.grad(score, between, torch.ones_like(score), retain_graph=True, create_graph=True)
        penalty = ((slope.flatten(1).square().sum(dim=1).sqrt() - 1) ** 2).mean()
        self.update("discriminator", real + fake + recipe.lambda_cls * named + recipe.lambda_gp * penalty)
        losses = {"D/loss_real": real, "D/loss_fake": fake, "D/loss_cls": named, "D/loss_gp": penalty}
        if (self.done + 1) % recipe.n_critic == 0:
            made = generator(images, target)
            critic, head = discriminator(made)
            back = (images - generator(made, own)).abs().mean()
            losses |= {
                "G/loss_fake": -critic.mean(),
                "G/loss_rec": back,
                "G/loss_cls": F.cross_entropy(head, wanted),
            }
            loss = losses["G/loss_fake"] + recipe.lambda_rec * back + recipe.lambda_cls * losses["G/loss_cls"]
            self.update("generator", loss)
        return {name: value.item() for name, value in losses.items()}


class PlainClassifier(Plain):
    """Cross-entropy and a step."""

    def __init__(self, recipe: Any, system: System, faces: Faces, total: int, device: str) -> None:
        super().__init__(recipe, system, faces, total, device)
        network = self.networks["network"]
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in network.parameters() if weight.ndim > 1]},
            {"params": [weight for weight in network.parameters() if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        rest = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
        betas = recipe.beta1, recipe.beta2
        if recipe.optimiser == "sgd":
            self.optimisers["network"] = torch.optim.SGD(groups, momentum=recipe.momentum, **rest)
        else:
            kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
            self.optimisers["network"] = kind(groups, betas=betas, **rest)
        self.mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1)

    def step(self, images: Tensor, labels: Tensor, draws: Draws) -> dict[str, float]:
        outputs = self.networks["network"](((images + 1) / 2 - self.mean) / self.std)
        loss = F.cross_entropy(outputs, labels, label_smoothing=self.recipe.label_smoothing)
        self.update("network", loss)
        return {"loss": loss.item()}


PLAIN: dict[str, type[Plain]] = {"stargan": PlainStargan, "classifier": PlainClassifier}


class _Enough(Exception):
    """The iterations that are compared are done."""


@dataclass(frozen=True)
class Pair:
    """The engine's loop and the plain one, begun alike.

    Attributes:
        loop: of the engine.
        plain: the other.
        turns: the faces of each iteration, with what is drawn for them.
        batches: their pictures, for the plain loop.
        epoch: iterations of an epoch.
        journal: the engine's losses.
    """

    loop: Loop
    plain: Plain
    turns: list[Turn]
    batches: Iterator[Tensor]
    epoch: float
    journal: Path


def begin(name: str, workspace: Workspace, arguments: argparse.Namespace, folder: Path, *more: str) -> Pair:
    """Return both loops of a system, before their first iteration."""
    device, total = arguments.device, arguments.iterations
    still = [f"{key}=0" for key in STILL] if name == "classifier" else []
    settings = [f"checkpoint_every={total}", *still, *arguments.settings, *more]
    kind = find_system(name).recipe_class()
    recipe = cast(EngineRecipe, resolve_recipe(name, kind, arguments.preset, settings).recipe)
    faces = select_faces(workspace, modality="visible", test_fold=0, needs_emotion=True, needs_va=False)
    epoch = len(faces.rows("train")) / recipe.batch_size
    length = {"iterations": total} if name == "stargan" else {"epochs": total / epoch, "val_share": 0.0, "patience": 0}
    recipe = dataclasses.replace(recipe, **length)
    torch.manual_seed(recipe.seed)
    system: System = find_system(name).system_class()(recipe)
    pixels = load_pixels(workspace, faces, recipe.image_size, workspace.pixels)
    rest: dict[str, Any] = {"augmentation": Augmentation(flip=recipe.flip), "seed": recipe.seed}
    feeds = [Feed(faces, pixels, batch_size=recipe.batch_size, device=where, **rest) for where in ("cpu", device)]
    plain = PLAIN[name](recipe, system, faces, total, device)
    turns = _turns(feeds[0], system, recipe.seed + 2, total)
    batches = _batches(workspace, faces, recipe.image_size, pixels, [order for order, _ in turns], arguments)
    places = Places(folder / "checkpoints", folder / "metrics.jsonl")
    loop = Loop(system, recipe, recipe.course(len(faces.rows("train"))), feeds[1], Team(device), places)
    return Pair(loop, plain, turns, batches, epoch, places.journal)


def differ(pair: Pair) -> float:
    """Return the largest difference of a loss in the first iterations, in shares of its size where that is above 1."""

    def enough(iteration: int) -> None:
        pair.plain.run(pair.batches, pair.turns[:iteration])
        raise _Enough

    with contextlib.suppress(_Enough):
        pair.loop.run(Silent(), Hooks(enough, COMPARED))
    apart = [
        abs(entry[term] - value) / max(1.0, abs(value))
        for entry, losses in zip(read_journal(pair.journal), pair.plain.losses, strict=True)
        for term, value in losses.items()
    ]
    return max(apart)


@dataclass(frozen=True)
class Block:
    """What some iterations took in either loop, in seconds.

    Attributes:
        ours_s: of the engine.
        plain_s: of the plain loop.
        waited_s: of the engine, before batches lay on the device.
        ours_cpu_s: processor time of the engine, which work of others on the machine does not change.
        plain_cpu_s: of the plain loop.
    """

    ours_s: float
    plain_s: float
    waited_s: float
    ours_cpu_s: float
    plain_cpu_s: float


def time_both(pair: Pair, block: int, device: str) -> list[Block]:
    """Let both run to the end in turns."""
    blocks = []
    begun, waited_s = _now_s(device), 0.0

    def turn(iteration: int) -> None:
        nonlocal begun, waited_s
        now = _now_s(device)
        pair.plain.run(pair.batches, pair.turns[pair.plain.done : iteration])
        after = _now_s(device)
        # The first epoch reads pixels from the disk, and the first block of all warms up.
        if iteration - block >= max(block, pair.epoch):
            ours, plain = now - begun, after - now
            blocks.append(Block(ours[0], plain[0], pair.loop.waited_s - waited_s, ours[1], plain[1]))
        begun, waited_s = _now_s(device), pair.loop.waited_s

    pair.loop.run(Silent(), Hooks(turn, block))
    return blocks


def _turns(feed: Feed, system: System, seed: int, total: int) -> list[Turn]:
    """Return the faces of each iteration with all that is drawn for them, as the engine draws it."""
    generator = torch.Generator().manual_seed(seed)
    turns = []
    for _ in range(total):
        order = feed.next()
        turns.append((order, system.draw(feed.labels(order.rows), generator)))
    return turns


def _batches(
    workspace: Workspace, faces: Faces, size_px: int, pixels: Any, orders: list[Order], arguments: argparse.Namespace
) -> Iterator[Tensor]:
    if arguments.loader == "files":
        crops = Crops(workspace, faces, size_px)
        chosen = [order.rows.tolist() for order in orders]
        for batch in DataLoader(crops, batch_sampler=chosen, num_workers=arguments.workers):
            yield batch.to(arguments.device)
        return
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
    images = images.to(arguments.device)
    for order in orders:
        yield images[order.rows.to(arguments.device)]


def _now_s(device: str) -> NDArray[np.float64]:
    """Return the time and this process's time on processors."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return np.array([time.perf_counter(), time.process_time()])


def describe(blocks: list[Block], block: int) -> str:
    """Return the medians of the blocks as text."""
    ratios = [one.plain_s / one.ours_s for one in blocks]
    low, middle, high = statistics.quantiles(ratios, n=4)
    ours = statistics.median(one.ours_s for one in blocks) / block
    plain = statistics.median(one.plain_s for one in blocks) / block
    return (
        f"{ours * 1e3:.1f} ms an iteration, plain {plain * 1e3:.1f} ms, "
        f"ratio {middle:.2f} ({low:.2f} to {high:.2f}, {len(blocks)} blocks), of processor time "
        f"{statistics.median(one.plain_cpu_s / one.ours_cpu_s for one in blocks):.2f}; waiting for data "
        f"{sum(one.waited_s for one in blocks) / sum(one.ours_s for one in blocks):.2%}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=list(PLAIN), help="stargan, classifier or both")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--faces", type=int, default=256, help="about so many, drawn")
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--block", type=int, default=10, help="iterations of one before the other takes its turn")
    parser.add_argument("--loader", choices=("memory", "files"), default="memory", help="of the plain loop")
    parser.add_argument("--workers", type=int, default=0, help="processes of the plain loop's DataLoader")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves the number that it chose")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    block = arguments.block
    arguments.iterations = max(1, arguments.iterations // block) * block
    with tempfile.TemporaryDirectory() as name:
        workspace = write_blobs(Path(name), blob_rows(4, takes=max(1, round(arguments.faces / 28))))
        for system in arguments.systems:
            apart = differ(begin(system, workspace, arguments, Path(name) / system / "first", "log_every=1"))
            pair = begin(system, workspace, arguments, Path(name) / system / "timed")
            blocks = time_both(pair, block, arguments.device)
            if len(blocks) < 2:
                parser.error("there is no second block after the first epoch; give more --iterations or fewer --faces")
            print(
                f"{system}, preset {arguments.preset}, {arguments.device}, {torch.get_num_threads()} threads: "
                f"{describe(blocks, block)}; losses within {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
