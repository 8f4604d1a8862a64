"""Time the training of CycleAT beside a loop written by hand that does the same, and compare their losses.

    .venv/bin/python tests/benchmarks/bench_cycleat.py [--preset cpu] [--set key=value ...]
        [--people 8] [--blocks 8] [--block 10] [--device cpu] [--threads 2]

Timed is the second stage, with the generators, the discriminators and the classifier, and a teacher of random weights.
The engine trains with a journal and all else that a run has. The loop by hand is that of `bench_cyclegan.py` with the
classifier's loss. It is tuned: it keeps the channels of a pixel together in the classifier, uses fused optimisers,
waits for no loss, keeps the teacher out of the graph, and generates no face twice. Both begin with the same weights and
get the same faces in the same order with the same random numbers.

They take turns, a block of iterations each, so that a change of the machine's pace touches both. The first block is
left out. Printed are the median time of an iteration of each, the median of the ratios block by block with the
quartiles, the median ratio of processor time, and the largest difference of a loss in the first iterations.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Run as a script, only this folder is on the path; the faces are drawn by what lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.training.data.batch_loader import BatchPlan
from fertools.training.data.selection import select_domains
from fertools.training.engine.loop import Loop
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.networks.imagenet import normalised
from fertools.training.recipes.course import Course, Stage
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Noise
from fertools.training.systems.cycleat.recipe import CLASSIFIER, JOINT, TEACHER, CycleatRecipe
from fertools.training.systems.cycleat.system import Cycleat
from tests.benchmarks.face_batches import FaceBatches
from tests.benchmarks.taking_turns import measure, step_parser
from tests.training.drawn_looks import write_drawn_looks

Turn = tuple[BatchPlan, Noise]


class PlainCycleat:
    """The second stage as a reader of the paper writes it, with least squares, guard and the reference's attention.

    Args:
        recipe: of the engine's run.
        system: whose initial weights and augmentation are taken.
        images: NxCxLxL faces in [-1, 1] by domain, on the device.
        labels: N classes of source faces, on the device.
        turns: the faces of each iteration, with what is drawn for them.
        device: where to train.
    """

    def __init__(
        self,
        recipe: CycleatRecipe,
        system: Cycleat,
        images: dict[str, Tensor],
        labels: Tensor,
        turns: list[Turn],
        device: str,
    ) -> None:
        self.recipe, self.images, self.labels, self.turns, self.device = recipe, images, labels, turns, device
        self.augmentation = system.augmentation
        self.networks: dict[str, nn.Module] = {
            name: copy.deepcopy(network).to(device) for name, network in system.networks.items()
        }
        self.teacher = copy.deepcopy(system.frozen[TEACHER]).to(device).eval().requires_grad_(False)
        made = ("generator_target", "generator_source", CLASSIFIER)
        self.averages = {name: copy.deepcopy(self.networks[name]) for name in made if recipe.ema}
        self.optimisers = [
            torch.optim.Adam(
                [weight for name in names for weight in self.networks[name].parameters()],
                recipe.lr,
                (recipe.beta1, recipe.beta2),
                fused=True,
            )
            for names in (made, ("discriminator_target", "discriminator_source"))
        ]
        self.pools: dict[str, list[Tensor]] = {"source": [], "target": []}
        self.losses: list[dict[str, Tensor]] = []

    def go_on(self, iteration: int) -> None:
        """Train until this number of iterations is done."""
        for order, noise in self.turns[len(self.losses) : iteration]:
            labels = self.labels[order.rows["source"].to(self.device)]
            few = order.select(slice(self.recipe.gan_batch))
            self.losses.append(self.step(self.faces(order, "source"), self.faces(few, "target"), labels, noise))

    def faces(self, order: BatchPlan, domain: str) -> Tensor:
        rows = order.rows[domain].to(self.device)
        return self.augmentation.apply(self.images[domain][rows], order.augmentation_draws[domain].to(self.device))

    def step(self, xs: Tensor, y: Tensor, labels: Tensor, noise: Noise) -> dict[str, Tensor]:
        recipe, x = self.recipe, xs[: self.recipe.gan_batch]
        g, f = self.networks["generator_target"], self.networks["generator_source"]
        d_y, d_x = self.networks["discriminator_target"], self.networks["discriminator_source"]
        made, fake_x = g(xs), f(y)
        fake_y = made[: len(x)]
        d_y.requires_grad_(False)
        d_x.requires_grad_(False)
        losses = {
            "G/loss_gan_target": ((d_y(fake_y) - 1) ** 2).mean(),
            "G/loss_gan_source": ((d_x(fake_x) - 1) ** 2).mean(),
            "G/loss_cycle_source": (f(fake_y) - x).abs().mean(),
            "G/loss_cycle_target": (g(fake_x) - y).abs().mean(),
        }
        cycle = losses["G/loss_cycle_source"] + losses["G/loss_cycle_target"]
        loss = losses["G/loss_gan_target"] + losses["G/loss_gan_source"] + recipe.cycle_weight * cycle
        loss = loss + self.classify(xs, made, labels, losses)
        self.update(0, loss)
        d_y.requires_grad_(True)
        d_x.requires_grad_(True)
        shown_y = self.pooled("target", fake_y.detach(), noise["pool_target"])
        shown_x = self.pooled("source", fake_x.detach(), noise["pool_source"])
        losses |= {
            "D/loss_real_target": ((d_y(y) - 1) ** 2).mean(),
            "D/loss_fake_target": (d_y(shown_y) ** 2).mean(),
            "D/loss_real_source": ((d_x(x) - 1) ** 2).mean(),
            "D/loss_fake_source": (d_x(shown_x) ** 2).mean(),
        }
        self.update(1, torch.stack([value for name, value in losses.items() if name[0] == "D"]).sum() / 2)
        return {name: value.detach() for name, value in losses.items()}

    def classify(self, xs: Tensor, made: Tensor, labels: Tensor, losses: dict[str, Tensor]) -> Tensor:
        classifier = self.networks[CLASSIFIER]
        seen = self.seen(xs)
        with torch.no_grad():
            classifier.eval()
            losses["classifier/loss_real"] = F.cross_entropy(self.stages(classifier, seen)[1], labels)
            wanted = self.stages(self.teacher, seen)[0]
        opened = (losses["classifier/loss_real"] <= self.recipe.guard).float()
        losses["classifier/guard_open"] = opened
        classifier.train()
        own, says = self.stages(classifier, self.seen(made * opened + made.detach() * (1 - opened)))
        losses["classifier/loss_class"] = F.cross_entropy(says, labels)
        units = [[F.normalize(m.square().mean(1).flatten(1), dim=1) for m in maps] for maps in (own, wanted)]
        apart = [(one - other).square().mean() for one, other in zip(*units, strict=True)]
        losses["classifier/loss_attention"] = 1000 * torch.stack(apart).sum()
        return losses["classifier/loss_class"] + self.recipe.beta * losses["classifier/loss_attention"]

    def seen(self, images: Tensor) -> Tensor:
        if side := self.recipe.classifier_px:
            images = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return normalised(images).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def stages(network: nn.Module, images: Tensor) -> tuple[list[Tensor], Tensor]:
        part = network.get_submodule
        seen, found = part("maxpool")(torch.relu(part("bn1")(part("conv1")(images)))), []
        for number in range(1, 5):
            seen = part(f"layer{number}")(seen)
            found.append(seen)
        return found, part("fc")(seen.mean(dim=(2, 3)))

    def pooled(self, domain: str, images: Tensor, draws: Tensor) -> Tensor:
        pool, returned = self.pools[domain], []
        for image, (keeps, place) in zip(images, draws[: len(images)].tolist(), strict=True):
            if len(pool) < self.recipe.pool_size:
                pool.append(image)
                returned.append(image)
            elif keeps < 0.5 or not pool:
                returned.append(image)
            else:
                at = int(place * len(pool))
                returned.append(pool[at])
                pool[at] = image
        return torch.stack(returned)

    def update(self, which: int, loss: Tensor) -> None:
        self.optimisers[which].zero_grad()
        torch.autograd.backward(loss)
        self.optimisers[which].step()
        if which == 0:
            with torch.no_grad():
                for name, average in self.averages.items():
                    weights = [weight.detach() for weight in self.networks[name].parameters()]
                    torch._foreach_lerp_(list(average.parameters()), weights, 1 - self.recipe.ema)


def begin(root: Path, folder: Path, arguments: argparse.Namespace, *more: str) -> tuple[Loop, PlainCycleat, Path]:
    """Return the engine's loop, the one by hand, and the journal of the first, before their first iteration."""
    total = arguments.block * arguments.blocks
    fixed = ("gan_mode=lsgan", "at_form=reference", "at_teacher_input=source", "norms=batch", "teacher=random")
    settings = [*fixed, "lr_schedule=constant", f"checkpoint_every={2 * total}", *arguments.settings, *more]
    recipe = resolve_recipe("cycleat", CycleatRecipe, arguments.preset, settings).recipe
    if not (recipe.beta and recipe.guard) or recipe.lambda_identity:
        raise SystemExit("beta or guard is 0, or lambda_identity is not; both loops have attention and the guard")
    workspace = write_drawn_looks(root, arguments.people)
    selection = select_domains(workspace, recipe)
    torch.manual_seed(recipe.seed)
    system = Cycleat(recipe)
    batches = FaceBatches.read(workspace, recipe, system, selection)
    ours, twin = batches.loader(arguments.device), batches.loader("cpu")
    generator, turns = torch.Generator().manual_seed(recipe.seed + 2), list[Turn]()
    for _ in range(total):
        order = twin.next()
        turns.append((order, system.draw(twin.labels(order), generator)))
    images = batches.images(arguments.device)
    labels = torch.from_numpy(selection.main.emotions).to(arguments.device)
    plain = PlainCycleat(recipe, system, images, labels, turns, arguments.device)
    paths = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    course = Course((Stage(JOINT, total),))
    loop = Loop(system, recipe, course, ours, ProcessGroup(arguments.device), paths)
    return loop, plain, paths.journal


def main() -> None:
    """Measure and print."""
    arguments = step_parser(__doc__).parse_args()
    print(measure("cycleat", arguments, begin))


if __name__ == "__main__":
    main()
