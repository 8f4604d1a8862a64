"""Time the training of HA-GAN beside a loop written by hand that does the same, and compare their losses.

    .venv/bin/python tests/benchmarks/bench_ha_gan.py [--preset cpu] [--set key=value ...]
        [--people 8] [--blocks 8] [--block 10] [--device cpu] [--threads 2]

The engine trains with a journal and all else that a run has. The loop by hand takes its faces from one float tensor in
memory, and lets autograd compute what no step uses: the weight gradients of the discriminator in the generator's step.
It is tuned: it uses fused optimisers, waits for no loss, draws the generated faces once for both steps, and augments by
the engine's own function. Both begin with the same weights and get the same faces in the same order with the same
random numbers.

They take turns, a block of iterations each, so that a change of the machine's pace touches both. The first block is
left out. Printed are the median time of an iteration of each, the median of the ratios block by block with the
quartiles, the median ratio of processor time, and the largest difference of a loss in the first iterations. A second
line has the time of the 110-fold warp of a batch, and its share of an iteration.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

# Run as a script, only this folder is on the path; the faces are drawn by what lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchPlan
from fertools.training.data.selection import select_domains
from fertools.training.engine.loop import Loop
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.recipes.course import Course
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.ha_gan.networks import Recogniser
from fertools.training.systems.ha_gan.recipe import CHARACTER, HUMAN, NEUTRAL, HaGanRecipe
from fertools.training.systems.ha_gan.system import RECOGNISER, HaGan
from tests.benchmarks.face_batches import FaceBatches
from tests.benchmarks.taking_turns import measure, step_parser
from tests.training.drawn_pairs import write_drawn_pairs

_WARPS = 20
"""Batches that are warped for the second line."""


class PlainHaGan:
    """Both steps as a reader of the paper writes them, with all losses and the neutral target.

    Args:
        recipe: of the engine's run.
        system: whose initial weights and augmentation are taken.
        images: NxCxLxL faces in [-1, 1] by domain, on the device.
        labels: N classes of human faces, on the device.
        orders: the faces of each iteration.
        device: where to train.
    """

    def __init__(
        self,
        recipe: HaGanRecipe,
        system: HaGan,
        images: dict[str, Tensor],
        labels: Tensor,
        orders: list[BatchPlan],
        device: str,
    ) -> None:
        self.recipe, self.system, self.images, self.labels, self.orders = recipe, system, images, labels, orders
        self.device = device
        network = cast(Recogniser, copy.deepcopy(system.networks[RECOGNISER]).to(device).train())
        assert network.generator is not None
        self.generator, self.critic = network.generator, network.discriminator
        betas = recipe.beta1, recipe.beta2
        self.of_generator = torch.optim.Adam(self.generator.parameters(), recipe.lr, betas, fused=True)
        self.of_critic = torch.optim.Adam(self.critic.parameters(), recipe.lr * recipe.d_lr_factor, betas, fused=True)
        self.noise = torch.Generator().manual_seed(recipe.seed + 2)
        self.losses: list[dict[str, Tensor]] = []

    def go_on(self, iteration: int) -> None:
        """Train until this number of iterations is done."""
        for order in self.orders[len(self.losses) : iteration]:
            self.losses.append(self.step(order))

    def augmentation(self, domain: str) -> Augmentation:
        return self.system.augmentations.get(domain, self.system.augmentation)

    def faces(self, order: BatchPlan, domain: str) -> Tensor:
        rows = order.rows[domain].to(self.device)
        draws = order.augmentation_draws[domain].to(self.device)
        return self.augmentation(domain).apply(self.images[domain][rows], draws)

    def step(self, order: BatchPlan) -> dict[str, Tensor]:
        recipe, bce = self.recipe, F.binary_cross_entropy_with_logits
        human, character, neutral = (self.faces(order, domain) for domain in (HUMAN, CHARACTER, NEUTRAL))
        labels = self.labels[order.rows[HUMAN].to(self.device)]
        noise = torch.rand(len(human), recipe.z_dim, generator=self.noise) * 2 - 1
        drawn = self.generator(human, noise.to(self.device))

        real, classes = self.critic.judge_and_classify(human, character)
        fake = self.critic.judge(human, drawn.detach())
        losses = {
            "D/loss_real": bce(real, torch.ones_like(real)),
            "D/loss_fake": bce(fake, torch.zeros_like(fake)),
            "D/loss_class": F.cross_entropy(classes, labels),
        }
        self.of_critic.zero_grad()
        torch.autograd.backward(recipe.d_loss_factor * torch.stack([*losses.values()]).sum())
        self.of_critic.step()

        fake, classes = self.critic.judge_and_classify(human, drawn)
        losses |= {
            "G/loss_gan": bce(fake, torch.ones_like(fake)),
            "G/loss_class": F.cross_entropy(classes, labels),
            "G/loss_pixel": F.l1_loss(drawn, neutral),
        }
        total = losses["G/loss_class"] + recipe.lambda_real * losses["G/loss_gan"]
        self.of_generator.zero_grad()
        torch.autograd.backward(total + recipe.lambda_pixel * losses["G/loss_pixel"])
        self.of_generator.step()
        return {name: value.detach() for name, value in losses.items()}


def begin(root: Path, folder: Path, arguments: argparse.Namespace, *more: str) -> tuple[Loop, PlainHaGan, Path]:
    """Return the engine's loop, the one by hand, and the journal of the first, before their first iteration."""
    total = arguments.block * arguments.blocks
    settings = [f"checkpoint_every={2 * total}", f"sample_every={2 * total}", *arguments.settings, *more]
    recipe = resolve_recipe("ha-gan", HaGanRecipe, arguments.preset, settings).recipe
    workspace = write_drawn_pairs(root, arguments.people, ("visible", "animated"))
    selection = select_domains(workspace, recipe)
    torch.manual_seed(recipe.seed)
    system = HaGan(recipe)
    batches = FaceBatches.read(workspace, recipe, system, selection)
    ours, twin = batches.loader(arguments.device), batches.loader("cpu")
    orders = [twin.next() for _ in range(total)]
    images = batches.images(arguments.device)
    labels = torch.from_numpy(selection.main.emotions).to(arguments.device)
    plain = PlainHaGan(recipe, system, images, labels, orders, arguments.device)
    places = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    loop = Loop(system, recipe, Course.of(total), ours, ProcessGroup(arguments.device), places)
    return loop, plain, places.journal


def time_warp(arguments: argparse.Namespace) -> str:
    """Return the time of the 110-fold warp of a batch, and its share of an iteration by hand, in a sentence."""
    recipe = resolve_recipe("ha-gan", HaGanRecipe, arguments.preset, arguments.settings).recipe
    recipe = replace(recipe, rotations="tenth" if recipe.rotations == "none" else recipe.rotations)
    torch.manual_seed(0)
    system, side = HaGan(recipe), recipe.load_size
    faces = (torch.rand(recipe.batch_size, 3, side, side) * 2 - 1).to(arguments.device)
    rows, domains = torch.arange(len(faces)), (HUMAN, CHARACTER, NEUTRAL)
    labels = torch.zeros(len(faces), dtype=torch.int64, device=arguments.device)
    plain = PlainHaGan(recipe, system, dict.fromkeys(domains, faces), labels, [], arguments.device)
    draws = {name: plain.augmentation(name).draw(len(faces), torch.Generator().manual_seed(0)) for name in domains}
    draws[HUMAN] = system.augmentation.at_variant(draws[HUMAN], rows)
    order, moved = BatchPlan(dict.fromkeys(domains, rows), draws), draws[HUMAN].to(arguments.device)
    warp = _seconds(lambda: system.augmentation.apply(faces, moved), arguments.device)
    step = _seconds(lambda: plain.step(order), arguments.device)
    return (
        f"the {system.augmentation.variants}-fold warp of {len(faces)} faces: {warp * 1e3:.2f} ms, "
        f"{warp / step:.3f} of an iteration"
    )


def _seconds(work: Callable[[], object], device: str) -> float:
    work()
    begun = time.perf_counter()
    for _ in range(_WARPS):
        work()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begun) / _WARPS


def main() -> None:
    """Measure and print."""
    parser = step_parser(__doc__)
    arguments = parser.parse_args()
    print(measure("ha-gan", arguments, begin))
    print(time_warp(arguments))


if __name__ == "__main__":
    main()
