"""The steps of unpaired recognition against a second implementation, in each stage and mode."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fertools.training.data.batch import Batch
from fertools.training.networks.resnet import ResNet
from fertools.training.recipes.course import Iteration
from fertools.training.systems.unpaired import ENTRY
from fertools.training.systems.unpaired.recipe import GUIDANCE, UnpairedRecipe
from fertools.training.systems.unpaired.system import CRITICS, GUIDED, THERMAL_JOINT
from tests.training.systems.unpaired.made import COURSE, DIFFERING, Turn, run, system, turns

MODES = {
    "full": (),
    "v": ("losses=v",),
    "v+h": ("losses=v,h",),
    "v+l": ("losses=v,l",),
    "v+r": ("losses=v,r",),
    "v+h+l": ("losses=v,h,l",),
    "v+h+l+r": ("losses=v,h,l,r",),
    "a+h+l": ("losses=a,h,l",),
    "a+h": ("losses=a,h",),
    "a+l": ("losses=a,l",),
    "saturating": ("adv=saturating",),
    "joint": ("thermal=joint",),
    "joint saturating": ("thermal=joint", "adv=saturating"),
    "permuted": ("adaptive=permuted",),
    "noise": ("thermal_faces=noise",),
    "grey": ("thermal_faces=grey", "thermal_modality=visible"),
    "wang": ("paired=wang", "unpaired_unit=off"),
    "pan": ("paired=pan", "unpaired_unit=off"),
    "pan joint": ("paired=pan", "unpaired_unit=off", "thermal=joint"),
    "intersection": DIFFERING,
    "intersection joint": (*DIFFERING, "thermal=joint"),
    "sorted": (*DIFFERING, "label_align=sorted"),
    "off": (*DIFFERING, "label_align=off"),
}


class Plain:
    """Sections 3.1 to 3.4 of the paper, each pass by itself and each logarithm written out."""

    def __init__(self, networks: Mapping[str, nn.Module], recipe: UnpairedRecipe) -> None:
        self.recipe, self.networks = recipe, networks
        visible, thermal = networks["visible"], networks["thermal"]
        assert isinstance(visible, ResNet)
        assert isinstance(thermal, ResNet)
        self.f_v, self.f_t = visible, thermal
        decoder = [*networks["decoder"].parameters()] if "decoder" in networks else []
        critics = [weight for name, network in networks.items() if "disc" in name for weight in network.parameters()]
        # New optimisers in the second stage.
        self.first = [self.sgd([*network.parameters()]) for network in (visible, thermal)]
        self.second = self.sgd([*visible.parameters(), *decoder])
        self.of_thermal = self.sgd([*thermal.parameters()])
        self.of_critics = (
            torch.optim.Adam(critics, recipe.discriminator_lr, (recipe.beta1, recipe.beta2)) if critics else None
        )
        self.weights: list[Tensor] = []

    def sgd(self, weights: Sequence[nn.Parameter]) -> torch.optim.SGD:
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": self.recipe.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1]},
        ]
        return torch.optim.SGD(groups, self.recipe.lr, self.recipe.momentum)

    def ready(self, images: Tensor) -> Tensor:
        mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)
        return (images / 2 + 0.5 - mean) / std

    def layers(self, network: ResNet, images: Tensor, *, training: bool) -> tuple[Tensor, Tensor]:
        network.train(training)
        first, second, third, fourth = (network.get_submodule(f"layer{number}") for number in range(1, 5))
        a = second(first(network.maxpool(torch.relu(network.bn1(network.conv1(images))))))
        b = fourth(third(a))
        return a, network.fc(b.mean(dim=3).mean(dim=2))

    def thermal_images(self, turn: Turn) -> Tensor:
        batches, noise = turn
        images = batches["thermal"].images
        if self.recipe.thermal_faces == "noise":
            images = noise["thermal"]
        if self.recipe.thermal_faces == "grey":
            luma = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
            images = torch.stack([luma, luma, luma], dim=1)
        return self.ready(images)

    def seen(self, logits: Tensor, known: Sequence[str]) -> Tensor:
        """What D_l is shown of a batch's predictions for the classes `known`."""
        recipe = self.recipe
        names = [known] * len(logits)
        rows = []
        for row, classes in zip(torch.softmax(logits, dim=1), names, strict=True):
            if recipe.alignment == "sorted":
                width = max(len(recipe.class_names), len(recipe.thermal_class_names))
                ordered = torch.sort(row, descending=True).values
                row = torch.cat([ordered, row.new_zeros(width - len(ordered))])
            elif recipe.alignment == "intersection":
                shared = [place for place, name in enumerate(classes) if name in recipe.shared_classes]
                row = row[shared] / row[shared].sum()
            rows.append(row)
        return torch.stack(rows)

    def shares(self, batch: Batch, names: Sequence[str]) -> list[bool]:
        """Which faces D_l judges."""
        if self.recipe.alignment != "intersection":
            return [True] * len(batch.images)
        return [names[place] in self.recipe.shared_classes for place in batch.emotions.tolist()]

    def thermal_ce(self, logits: Tensor, batch: Batch) -> Tensor:
        known, names = self.recipe.thermal_outputs, self.recipe.thermal_class_names
        losses = [
            weight * -torch.log_softmax(row, 0)[known.index(names[place])]
            for row, place, weight in zip(logits, batch.emotions.tolist(), batch.weights, strict=True)
            if names[place] in known
        ]
        return torch.stack(losses).mean()

    def visible_ce(self, logits: Tensor, batch: Batch) -> Tensor:
        each = [-torch.log_softmax(row, 0)[place] for row, place in zip(logits, batch.emotions, strict=True)]
        return torch.stack(each) * batch.weights

    def probability(self, name: str, shown: Tensor) -> Tensor:
        logits: Tensor = self.networks[name](shown)
        return torch.sigmoid(logits)

    def step(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        # Gradients of an earlier step through another network are no part of this one.
        for network in self.networks.values():
            network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def alone(self, turn: Turn) -> dict[str, Tensor]:
        visible, thermal = turn[0]["visible"], turn[0]["thermal"]
        ce_v = self.visible_ce(self.layers(self.f_v, self.ready(visible.images), training=True)[1], visible).mean()
        self.step(self.first[0], ce_v)
        ce_t = self.thermal_ce(self.layers(self.f_t, self.thermal_images(turn), training=True)[1], thermal)
        self.step(self.first[1], ce_t)
        return {"visible/loss_class": ce_v, "thermal/loss_class": ce_t}

    def guided(self, turn: Turn) -> dict[str, Tensor]:
        recipe, (batches, noise) = self.recipe, turn
        visible, thermal = batches["visible"], batches["thermal"]
        x_v, x_t = self.ready(visible.images), self.thermal_images(turn)
        own, others = recipe.class_names, recipe.thermal_outputs
        judged_v, judged_t = self.shares(visible, own), self.shares(thermal, recipe.thermal_class_names)
        log: dict[str, Tensor] = {}
        terms = {
            "wang": {"v", "pair"},
            "pan": {"v", "pair", "h"},
            "none": {*recipe.losses.split(",")} - ({"l"} if recipe.label_align == "off" else set()),
        }[recipe.paired]

        with torch.no_grad():
            a_v, logits_v = self.layers(self.f_v, x_v, training=False)
            a_t, logits_t = self.layers(self.f_t, x_t, training=False)
        d_losses = []
        if "h" in terms:
            d_v, d_t = (self.probability("discriminator_features", a) for a in (a_v, a_t))
            log["D/loss_h"] = -d_v.log().mean() - (1 - d_t).log().mean()
            d_losses.append(log["D/loss_h"])
        if "l" in terms:
            d_v = self.probability("discriminator_predictions", self.seen(logits_v, own))
            d_t = self.probability("discriminator_predictions", self.seen(logits_t, others))
            log["D/loss_l"] = -d_v[judged_v].log().mean() - (1 - d_t)[judged_t].log().mean()
            d_losses.append(log["D/loss_l"])
        if d_losses:
            assert self.of_critics is not None
            self.step(self.of_critics, torch.stack(d_losses).sum())

        a, logits = self.layers(self.f_v, x_v, training=True)
        ce = self.visible_ce(logits, visible)
        log["visible/loss_class"] = ce.mean()
        w, total = torch.ones_like(ce), torch.zeros((), dtype=torch.float64)
        entropies: dict[str, Tensor] = {}
        for term, name, shown in (
            ("h", "discriminator_features", a),
            ("l", "discriminator_predictions", self.seen(logits, own)),
        ):
            if term not in terms:
                continue
            p = self.probability(name, shown)
            entropies[term] = (-p * p.log() - (1 - p) * (1 - p).log()).detach()
            each = -(1 - p).log() if recipe.adv == "non-saturating" else p.log()
            if term == "l":
                each = each * torch.tensor(judged_v)
            log[f"visible/loss_{term}"] = each.mean()
            total = total + (recipe.lambda_h if term == "h" else recipe.lambda_l) * each.mean()
        if "r" in terms:
            decoded = self.networks["decoder"].train()(a)
            log["visible/loss_r"] = ((decoded - (visible.images + 1) / 2) ** 2).mean()
            total = total + recipe.lambda_r * log["visible/loss_r"]
        if "pair" in terms:
            apart = (torch.softmax(logits, 1) - torch.softmax(logits_t, 1)) ** 2
            log["visible/loss_pair"] = apart.sum(dim=1).mean()
            total = total + recipe.lambda_pair * log["visible/loss_pair"]
        if "a" in terms:
            for row, judged in enumerate(judged_v):
                told = [entropies["h"][row]] if "h" in entropies else []
                if "l" in entropies and judged:
                    told.append(entropies["l"][row])
                w[row] = 1 + sum(told) / len(told)
            self.weights.append(w.clone())
            log["visible/weight"] = torch.cat(self.weights).mean()
            if recipe.adaptive == "permuted":
                w = w[torch.sort(noise["order"]).indices]
            log["visible/loss_weighted"] = (w * ce).mean()
        self.step(self.second, (w * ce).mean() + total)
        if recipe.thermal == "joint":
            log |= self.joint(x_v, x_t, thermal, judged_t, terms)
        return log

    def joint(self, x_v: Tensor, x_t: Tensor, thermal: Batch, judged: list[bool], terms: set[str]) -> dict[str, Tensor]:
        recipe = self.recipe
        a, logits = self.layers(self.f_t, x_t, training=True)
        log = {"thermal/loss_class": self.thermal_ce(logits, thermal)}
        total = log["thermal/loss_class"]
        if "h" in terms:
            log["thermal/loss_h"] = -self.probability("discriminator_features", a).log().mean()
            total = total + recipe.lambda_h * log["thermal/loss_h"]
        if "l" in terms:
            d_t = self.probability("discriminator_predictions", self.seen(logits, recipe.thermal_outputs))
            log["thermal/loss_l"] = -d_t[judged].log().mean()
            total = total + recipe.lambda_l * log["thermal/loss_l"]
        if "pair" in terms:
            with torch.no_grad():
                logits_v = self.layers(self.f_v, x_v, training=False)[1]
            apart = (torch.softmax(logits, 1) - torch.softmax(logits_v, 1)) ** 2
            log["thermal/loss_pair"] = apart.sum(dim=1).mean()
            total = total + recipe.lambda_pair * log["thermal/loss_pair"]
        self.step(self.of_thermal, total)
        return log


@pytest.mark.parametrize("mode", MODES)
def test_steps_equal_those_of_a_plain_implementation(mode: str) -> None:
    built = system(*MODES[mode])
    # One epoch in the guidance, so that the mean weight is that of all its iterations.
    plain = Plain(copy.deepcopy(built.networks), built.recipe)
    data = turns(built)
    logs = run(built, data)
    for number, turn in enumerate(data):
        expected = plain.guided(turn) if COURSE.at(number).stage == GUIDANCE else plain.alone(turn)
        assert set(logs[number]) == set(expected), number
        for name, value in expected.items():
            assert logs[number][name] == pytest.approx(value.item(), rel=1e-9, abs=1e-12), (number, name)
    for name, network in built.networks.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(
                value, plain.networks[name].state_dict()[key], rtol=1e-7, atol=1e-10, msg=f"{name}.{key}"
            )


def test_every_logged_term_has_words() -> None:
    logged = set().union(
        *(entry for mode in ("joint", "pan joint") for entry in run(system(*MODES[mode]), turns(system())))
    )
    assert logged == set(ENTRY.terms)


@pytest.mark.parametrize("mode", ["full", "v", "intersection", "sorted", "off", "grey"])
def test_every_mode_can_be_analysed(mode: str) -> None:
    built = system(*MODES[mode])
    ((batches, _),) = turns(built, 1)
    found = built.analyse(built.networks, {name: batch.images for name, batch in batches.items()})
    figures = {*found.points, *found.values, *found.rebuilt}
    assert {*found.numbers, *figures} == set(found.words)
    assert ("reconstructions" in found.rebuilt) == ("decoder" in built.networks)
    for values in found.values["predictions"].values():
        assert values.min() >= 0
        assert values.max() <= 1


def test_recipes_that_differ_in_losses_begin_with_the_same_weights() -> None:
    full, single = system(), system("losses=v")
    assert set(full.networks) - set(single.networks) == {
        "discriminator_features",
        "discriminator_predictions",
        "decoder",
    }
    for name, network in single.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, full.networks[name].state_dict()[key])


@pytest.mark.parametrize("thermal", ["frozen", "joint"])
def test_the_thermal_network_is_fixed_with_its_statistics_unless_it_learns_on(thermal: str) -> None:
    built = system(f"thermal={thermal}")
    data = turns(built)
    before = {}
    for name in ("visible", "thermal"):
        before[name] = {key: value.clone() for key, value in built.networks[name].state_dict().items()}
    run(built, data[:2], type(COURSE)(COURSE.stages[1:]))
    changed = {
        name: [key for key, value in built.networks[name].state_dict().items() if not torch.equal(value, state[key])]
        for name, state in before.items()
    }
    assert len(changed["visible"]) == len(before["visible"])
    assert len(changed["thermal"]) == (0 if thermal == "frozen" else len(before["thermal"]))


def test_the_discriminators_step_comes_first_and_sees_both_networks_in_eval_mode() -> None:
    built = system("thermal=joint")
    (turn,) = turns(built, 1)
    modes: list[tuple[str, bool]] = []
    for name in ("visible", "thermal"):
        built.networks[name].get_submodule("layer2").register_forward_pre_hook(
            lambda layer, _, name=name: modes.append((name, layer.training))
        )
    order, seen = [], []
    for step in built.iterate(Iteration(0, GUIDANCE), *turn):
        order.append(step.optimiser)
        seen.append(modes.copy())
        modes.clear()
    assert order == [CRITICS, GUIDED, THERMAL_JOINT]
    assert seen == [[("thermal", False), ("visible", False)], [("visible", True)], [("thermal", True)]]
