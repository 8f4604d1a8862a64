"""Time the training of unpaired recognition beside a loop written by hand that does the same, and compare their losses.

    .venv/bin/python tests/benchmarks/bench_unpaired.py [--preset cpu] [--set key=value ...]
        [--people 8] [--blocks 8] [--block 10] [--device cpu] [--threads 2]

Timed is the second stage, with all of its losses. The engine trains with a journal and all else that a run has. The
loop by hand takes its faces from one float tensor in memory, sends every batch through the whole of each network, shows
each discriminator visible and thermal faces one after the other, and lets autograd compute what no step uses. It is
tuned: it keeps the channels of a pixel together, uses fused optimisers, waits for no loss, keeps the thermal network
and the discriminators' inputs out of the graph, and augments by the engine's own function. Both begin with the same
weights and get the same faces in the same order with the same random numbers.

They take turns, a block of iterations each, so that a change of the machine's pace touches both. The first block is
left out. Printed are the median time of an iteration of each, the median of the ratios block by block with the
quartiles, the median ratio of processor time, and the largest difference of a loss in the first iterations.
"""

from __future__ import annotations

import argparse
import copy
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
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
from fertools.training.systems.unpaired.recipe import GUIDANCE, UnpairedRecipe
from fertools.training.systems.unpaired.system import Unpaired
from tests.benchmarks.face_batches import FaceBatches
from tests.benchmarks.taking_turns import measure, step_parser
from tests.training.drawn_pairs import write_drawn_pairs

DOMAINS = ("visible", "thermal")


class PlainUnpaired:
    """The second stage as a reader of the paper writes it, with all losses and equal classes.

    Args:
        recipe: of the engine's run.
        system: whose initial weights and augmentation are taken.
        images: NxCxLxL faces in [-1, 1] by domain, on the device.
        labels: N classes of visible faces, on the device.
        orders: the faces of each iteration.
        device: where to train.
    """

    def __init__(
        self,
        recipe: UnpairedRecipe,
        system: Unpaired,
        images: dict[str, Tensor],
        labels: Tensor,
        orders: list[BatchPlan],
        device: str,
    ) -> None:
        self.recipe, self.images, self.labels, self.orders, self.device = recipe, images, labels, orders, device
        self.augmentation = system.augmentation
        # Copies of the engine's networks have the channels of a pixel together, as the engine's have.
        self.networks = {name: copy.deepcopy(network).to(device) for name, network in system.networks.items()}
        trained = [*self.networks["visible"].parameters(), *self.networks["decoder"].parameters()]
        groups = [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        self.guided = torch.optim.SGD(groups, recipe.lr, recipe.momentum, fused=True)
        critics = [
            weight
            for name in ("features", "predictions")
            for weight in self.networks[f"discriminator_{name}"].parameters()
        ]
        self.critics = torch.optim.Adam(critics, recipe.discriminator_lr, (recipe.beta1, recipe.beta2), fused=True)
        self.losses: list[dict[str, Tensor]] = []
        self.weights = torch.zeros(2, device=device)

    def go_on(self, iteration: int) -> None:
        """Train until this number of iterations is done."""
        for order in self.orders[len(self.losses) : iteration]:
            self.losses.append(self.step(order))

    def faces(self, order: BatchPlan, domain: str) -> Tensor:
        rows = order.rows[domain].to(self.device)
        return self.augmentation.apply(self.images[domain][rows], order.augmentation_draws[domain].to(self.device))

    def outputs(self, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits, each stage a module of its own."""
        network = self.networks[name]
        parts = [network.get_submodule(part) for part in ("conv1", "bn1", "maxpool", "layer1", "layer2")]
        seen = parts[2](torch.relu(parts[1](parts[0](images))))
        features = parts[4](parts[3](seen))
        rest = network.get_submodule("layer4")(network.get_submodule("layer3")(features))
        return features, network.get_submodule("fc")(rest.mean(dim=(2, 3)))

    def step(self, order: BatchPlan) -> dict[str, Tensor]:
        recipe, networks = self.recipe, self.networks
        faces, labels = self.faces(order, "visible"), self.labels[order.rows["visible"].to(self.device)]
        images = {
            name: normalised(some).contiguous(memory_format=torch.channels_last)
            for name, some in (("visible", faces), ("thermal", self.faces(order, "thermal")))
        }
        d_h, d_l = networks["discriminator_features"], networks["discriminator_predictions"]
        bce = F.binary_cross_entropy_with_logits

        with torch.no_grad():
            networks["visible"].eval()
            networks["thermal"].eval()
            a_v, y_v = self.outputs("visible", images["visible"])
            a_t, y_t = self.outputs("thermal", images["thermal"])
        losses = {}
        for term, critic, of_v, of_t in (("h", d_h, a_v, a_t), ("l", d_l, y_v.softmax(dim=1), y_t.softmax(dim=1))):
            says_v, says_t = critic(of_v), critic(of_t)
            losses[f"D/loss_{term}"] = bce(says_v, torch.ones_like(says_v)) + bce(says_t, torch.zeros_like(says_t))
        self.critics.zero_grad()
        torch.autograd.backward(losses["D/loss_h"] + losses["D/loss_l"])
        self.critics.step()

        networks["visible"].train()
        a_v, y_v = self.outputs("visible", images["visible"])
        says = {"h": d_h(a_v), "l": d_l(y_v.softmax(dim=1))}
        entropies = []
        for term, logits in says.items():
            losses[f"visible/loss_{term}"] = bce(logits, torch.zeros_like(logits))
            p = logits.detach().sigmoid()
            entropies.append(bce(logits.detach(), p, reduction="none"))
        weight = 1 + (entropies[0] + entropies[1]) / 2
        self.weights += torch.stack([weight.sum(), weight.new_tensor(len(weight))])
        each = F.cross_entropy(y_v, labels, reduction="none")
        losses["visible/loss_class"] = each.mean()
        losses["visible/loss_weighted"] = (weight * each).mean()
        losses["visible/loss_r"] = F.mse_loss(networks["decoder"](a_v), (faces + 1) / 2)
        losses["visible/weight"] = self.weights[0] / self.weights[1]
        total = losses["visible/loss_weighted"] + recipe.lambda_h * losses["visible/loss_h"]
        total = total + recipe.lambda_l * losses["visible/loss_l"] + recipe.lambda_r * losses["visible/loss_r"]
        self.guided.zero_grad()
        torch.autograd.backward(total)
        self.guided.step()
        return {name: value.detach() for name, value in losses.items()}


def begin(root: Path, folder: Path, arguments: argparse.Namespace, *more: str) -> tuple[Loop, PlainUnpaired, Path]:
    """Return the engine's loop, the one by hand, and the journal of the first, before their first iteration."""
    total = arguments.block * arguments.blocks
    settings = ["lr_schedule=constant", "visible_start=", "thermal_start=", f"checkpoint_every={2 * total}"]
    settings += [*arguments.settings, *more]
    resolved = resolve_recipe("unpaired", UnpairedRecipe, arguments.preset, settings)
    # So long that the mean weight never begins anew.
    recipe = replace(resolved.recipe, stage2_epochs=1)
    workspace = write_drawn_pairs(root, arguments.people)
    selection = select_domains(workspace, recipe)
    torch.manual_seed(recipe.seed)
    system = Unpaired(recipe)
    batches = FaceBatches.read(workspace, recipe, system, selection)
    ours, twin = batches.loader(arguments.device), batches.loader("cpu")
    orders = [twin.next() for _ in range(total)]
    images = batches.images(arguments.device)
    labels = torch.from_numpy(selection.main.emotions).to(arguments.device)
    plain = PlainUnpaired(recipe, system, images, labels, orders, arguments.device)
    places = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    loop = Loop(system, recipe, Course((Stage(GUIDANCE, total),)), ours, ProcessGroup(arguments.device), places)
    return loop, plain, places.journal


def main() -> None:
    """Measure and print."""
    parser = step_parser(__doc__)
    arguments = parser.parse_args()
    print(measure("unpaired", arguments, begin))


if __name__ == "__main__":
    main()
