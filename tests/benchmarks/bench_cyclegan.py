"""Time CycleGAN's training, or ET-CycleGAN's, beside a loop written by hand that does the same; compare their losses.

    .venv/bin/python tests/benchmarks/bench_cyclegan.py [--system et-cyclegan] [--preset cpu] [--set key=value ...]
        [--people 8] [--blocks 8] [--block 10] [--device cpu] [--threads 2] [--double]

The engine trains with a journal and all else that a run has. The loop by hand indexes faces from one float tensor in
memory, lets every image pass go through its network by itself, as the reference implementation does, and keeps its
pools as lists. Of ET-CycleGAN it lets real and generated faces go through each feature network by themselves, too. It
uses fused optimisers and waits for no loss. Both begin with the same weights and get the same faces
in the same order with the same random numbers.

They take turns, a block of iterations each, so that a change of the machine's pace touches both. The first block is
left out. Printed are the median time of an iteration of each, the median of the ratios block by block with the
quartiles, the median ratio of processor time, and the largest difference of a loss in the first iterations. With
`--double` both compute in float64. Then the losses agree as far as the journal's float32 tells, unless the loops differ
in more than rounding.
"""

from __future__ import annotations

import argparse
import copy
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

# Run as a script, only this folder is on the path; the faces are drawn by what lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import BatchLoader, BatchPlan
from fertools.training.data.selection import select_domains
from fertools.training.engine.loop import Loop
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Noise
from fertools.training.systems.cyclegan.recipe import TwoWayRecipe
from fertools.training.systems.cyclegan.system import Cyclegan
from fertools.training.systems.et_cyclegan.recipe import EtCycleganRecipe
from fertools.training.systems.registry import find_system
from tests.benchmarks.face_batches import FaceBatches
from tests.benchmarks.taking_turns import measure, step_parser
from tests.training.drawn_pairs import write_drawn_pairs

Turn = tuple[BatchPlan, Noise]


class PlainCyclegan:
    """The steps of CycleGAN as a reader of the paper writes them.

    Args:
        recipe: of the engine's run.
        system: whose initial weights are copied.
        images: NxCxLxL faces in [-1, 1] by domain, on the device.
        turns: the faces of each iteration, with what is drawn for them.
        device: where to train.
    """

    def __init__(
        self, recipe: TwoWayRecipe, system: Cyclegan, images: dict[str, Tensor], turns: list[Turn], device: str
    ) -> None:
        self.recipe, self.images, self.turns, self.device = recipe, images, turns, device
        self.networks: dict[str, nn.Module] = {
            name: copy.deepcopy(network).to(device) for name, network in system.networks.items()
        }
        betas = recipe.beta1, recipe.beta2
        self.optimisers = [
            torch.optim.Adam(
                [
                    weight
                    for domain in ("source", "target")
                    for weight in self.networks[f"{kind}_{domain}"].parameters()
                ],
                recipe.lr,
                betas,
                fused=True,
            )
            for kind in ("generator", "discriminator")
        ]
        self.averages = {
            name: copy.deepcopy(network) for name, network in self.networks.items() if recipe.ema and "gen" in name
        }
        self.features = {name: copy.deepcopy(network).to(device) for name, network in system.frozen.items()}
        self.pools: dict[str, list[Tensor]] = {"source": [], "target": []}
        self.losses: list[dict[str, Tensor]] = []

    def go_on(self, iteration: int) -> None:
        """Train until so many iterations are done."""
        for order, noise in self.turns[len(self.losses) : iteration]:
            self.losses.append(self.step(self.faces(order, "source"), self.faces(order, "target"), noise))

    def faces(self, order: BatchPlan, domain: str) -> Tensor:
        size, faces = self.recipe.image_size, []
        for row, augmentation_draws in zip(
            order.rows[domain].tolist(), order.augmentation_draws[domain].tolist(), strict=True
        ):
            image = self.images[domain][row]
            if (span := image.shape[1] - size + 1) > 1:
                top, left = int(augmentation_draws[9] * span), int(augmentation_draws[10] * span)
                image = image[:, top : top + size, left : left + size]
            faces.append(image.flip(2) if self.recipe.flip and augmentation_draws[0] < 0.5 else image)
        return torch.stack(faces)

    def step(self, x: Tensor, y: Tensor, noise: Noise) -> dict[str, Tensor]:
        recipe = self.recipe
        g, f = self.networks["generator_target"], self.networks["generator_source"]
        d_y, d_x = self.networks["discriminator_target"], self.networks["discriminator_source"]
        fake_y, fake_x = g(x), f(y)
        d_y.requires_grad_(False)
        d_x.requires_grad_(False)
        losses = {
            "G/loss_gan_target": ((d_y(fake_y) - 1) ** 2).mean(),
            "G/loss_gan_source": ((d_x(fake_x) - 1) ** 2).mean(),
            "G/loss_cycle_source": ((rec_x := f(fake_y)) - x).abs().mean(),
            "G/loss_cycle_target": ((rec_y := g(fake_x)) - y).abs().mean(),
            "G/loss_identity_target": (g(y) - y).abs().mean(),
            "G/loss_identity_source": (f(x) - x).abs().mean(),
        }
        cycle = losses["G/loss_cycle_source"] + losses["G/loss_cycle_target"]
        identity = losses["G/loss_identity_target"] + losses["G/loss_identity_source"]
        adversarial = losses["G/loss_gan_target"] + losses["G/loss_gan_source"]
        loss = adversarial + recipe.cycle_weight * cycle + recipe.identity_weight * identity
        if isinstance(recipe, EtCycleganRecipe):
            in_cycle = recipe.pairing == "cycle"
            of_x, of_y = (rec_x, rec_y) if in_cycle else (fake_x, fake_y)
            weights = {"face": recipe.face_weight, "emotion": recipe.emotion_weight}
            for name, made, real in (("face", of_x, x), ("emotion", of_y, y)):
                if name in self.features:
                    with torch.no_grad():
                        wanted = self.features[name](real)
                    pairs = zip(self.features[name](made), wanted, strict=True)
                    apart = torch.stack([(one - other).abs().mean() for one, other in pairs]).sum()
                    losses[f"G/loss_{name}_features"] = apart
                    loss = loss + weights[name] * apart
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
        self.update(1, sum((value for name, value in losses.items() if name[0] == "D"), x.new_zeros(())) / 2)
        return {name: value.detach() for name, value in losses.items()}

    def pooled(self, domain: str, images: Tensor, draws: Tensor) -> Tensor:
        pool, returned = self.pools[domain], []
        for image, (keeps, place) in zip(images, draws.tolist(), strict=True):
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

    @torch.no_grad()
    def update(self, which: int, loss: Tensor) -> None:
        self.optimisers[which].zero_grad()
        with torch.enable_grad():
            torch.autograd.backward(loss)
        self.optimisers[which].step()
        if which == 0:
            for name, average in self.averages.items():
                weights = [weight.detach() for weight in self.networks[name].parameters()]
                torch._foreach_lerp_(list(average.parameters()), weights, 1 - self.recipe.ema)


def begin(root: Path, folder: Path, arguments: argparse.Namespace, *more: str) -> tuple[Loop, PlainCyclegan, Path]:
    """Return the engine's loop, the one by hand, and the journal of the first, before their first iteration."""
    total = arguments.block * arguments.blocks
    settings = ["lr_schedule=constant", "warmup=0", f"checkpoint_every={2 * total}", *arguments.settings, *more]
    entry = find_system(arguments.system)
    resolved = resolve_recipe(arguments.system, entry.recipe_class(), arguments.preset, settings)
    workspace = write_drawn_pairs(root, arguments.people)
    selection = select_domains(workspace, resolved.recipe)
    epochs = total // resolved.recipe.course(selection.counts()).epoch + 1
    recipe = replace(resolved.recipe, epochs=epochs, decay_epochs=0)
    torch.manual_seed(recipe.seed)
    system = entry.system_class()(recipe)
    if arguments.double:
        for network in (*system.networks.values(), *system.frozen.values(), *system.memory.values()):
            network.double()
    batches = FaceBatches.read(workspace, recipe, system, selection)
    ours = batches.loader(arguments.device, _Float64Loader if arguments.double else BatchLoader)
    twin = batches.loader("cpu")
    generator, turns = torch.Generator().manual_seed(recipe.seed + 2), list[Turn]()
    for _ in range(total):
        order = twin.next()
        turns.append((order, system.draw(twin.labels(order), generator)))
    dtype = torch.float64 if arguments.double else torch.float32
    images = batches.images(arguments.device, dtype)
    plain = PlainCyclegan(recipe, system, images, turns, arguments.device)
    paths = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    loop = Loop(system, recipe, recipe.course(selection.counts()), ours, ProcessGroup(arguments.device), paths)
    return loop, plain, paths.journal


class _Float64Loader(BatchLoader):
    """Batches of faces in float64."""

    def load(self, plan: BatchPlan) -> dict[str, Batch]:
        batches = super().load(plan)
        return {name: replace(batch, images=batch.images.double()) for name, batch in batches.items()}


def main() -> None:
    """Measure and print."""
    parser = step_parser(__doc__)
    parser.add_argument("--double", action="store_true", help="compute in float64, to tell rounding from other causes")
    parser.add_argument("--system", default="cyclegan", choices=["cyclegan", "et-cyclegan"])
    arguments = parser.parse_args()
    print(measure(arguments.system, arguments, begin))


if __name__ == "__main__":
    main()
