"""The steps of HA-GAN against a second implementation, and whom each loss reaches."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from fertools.training.recipes.course import Iteration
from fertools.training.systems.ha_gan import ENTRY
from fertools.training.systems.ha_gan.networks import Recogniser
from fertools.training.systems.ha_gan.recipe import CHARACTER, HUMAN, NEUTRAL, HaGanRecipe
from fertools.training.systems.ha_gan.system import RECOGNISER, HaGan
from tests.training.systems.ha_gan.made import run, system, turns
from tests.training.systems.logged_steps import Turn

MODES = {
    "split": ("d_input=split",),
    "pair": ("d_input=pair",),
    "generated": (),
    "image": ("character_input=image", "d_input=split"),
    "expression": ("l1_target=expression", "lambda_pixel=100"),
    "literal": ("weights=literal", "pixel_loss=l2"),
    "without pixels": ("lambda_pixel=0",),
    "without noise": ("z_dim=0",),
    "without the real head": ("lambda_real=0",),
    "slow discriminator": ("d_loss_factor=0.25", "d_lr_factor=0.5"),
    "baseline": ("method=baseline",),
}


class Plain:
    """Equations 3 to 5 of the paper, each pass by itself and each logarithm written out."""

    def __init__(self, network: Recogniser, recipe: HaGanRecipe) -> None:
        self.network, self.recipe = network, recipe
        betas = recipe.beta1, recipe.beta2
        self.of_d = torch.optim.Adam(network.discriminator.parameters(), recipe.lr * recipe.d_lr_factor, betas)
        self.of_g = torch.optim.Adam(network.generator.parameters(), recipe.lr, betas) if network.generator else None

    def d(self, human: Tensor, animated: Tensor) -> tuple[Tensor, Tensor]:
        """The probabilities of real and of each class."""
        critic, mode = self.network.discriminator, self.recipe.d_input
        pair = torch.cat([human, animated], dim=1)
        stems = [*critic.stems]
        if mode == "split":
            real, kind = critic.trunk(stems[0](pair)), critic.trunk(stems[1](animated))
        else:
            real = kind = critic.trunk(stems[0](pair if mode == "pair" else animated))
        return torch.sigmoid(critic.real_head(real)).squeeze(1), torch.softmax(critic.class_head(kind), dim=1)

    def ce(self, shares: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        return -(weights * shares[torch.arange(len(labels)), labels].log()).mean()

    def iterate(self, turn: Turn) -> dict[str, float]:
        recipe, network = self.recipe, self.network.train()
        batches, noise = turn
        x, labels, weights = batches[HUMAN].images, batches[HUMAN].emotions, batches[HUMAN].weights
        if network.generator is None:
            shares = torch.softmax(
                network.discriminator.class_head(network.discriminator.trunk(network.discriminator.stems[0](x))), dim=1
            )
            loss = self.ce(shares, labels, weights)
            self.take(self.of_d, loss)
            return {"loss_class": loss.item()}
        s = batches[CHARACTER].images
        if recipe.character_input == "image":
            network.generator.get_buffer("neutral").copy_(batches[NEUTRAL].images[0])
        fake = network.generator(x, noise.get("z"))
        log: dict[str, Tensor] = {}
        real, shares = self.d(x, s)
        terms = {"D/loss_class": self.ce(shares, labels, weights)}
        if recipe.lambda_real:
            terms["D/loss_real"] = -real.log().mean()
            terms["D/loss_fake"] = -(1 - self.d(x, fake.detach())[0]).log().mean()
        self.take(self.of_d, recipe.d_loss_factor * sum(terms.values(), torch.zeros(())))
        log |= terms
        real, shares = self.d(x, fake)
        terms = {"G/loss_class": self.ce(shares, labels, weights)}
        loss = terms["G/loss_class"]
        if recipe.lambda_real:
            terms["G/loss_gan"] = -real.log().mean()
            loss = loss + recipe.lambda_real * terms["G/loss_gan"]
        if recipe.lambda_pixel:
            target = batches[NEUTRAL].images if recipe.l1_target == "neutral" else s
            each = (fake - target).abs() if recipe.pixel_loss == "l1" else (fake - target) ** 2
            terms["G/loss_pixel"] = each.mean()
            summed = each.sum() / len(each)
            loss = loss + (summed if recipe.weights == "literal" else recipe.lambda_pixel * terms["G/loss_pixel"])
        assert self.of_g is not None
        self.take(self.of_g, loss)
        return {name: value.item() for name, value in (log | terms).items()}

    def take(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self.network.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()


@pytest.mark.parametrize("overrides", [pytest.param(mode, id=name) for name, mode in MODES.items()])
def test_iterations_are_those_of_a_plain_implementation(overrides: Sequence[str]) -> None:
    ours = system(*overrides)
    network = copy.deepcopy(ours.networks[RECOGNISER])
    assert isinstance(network, Recogniser)
    begun = copy.deepcopy(network.state_dict())
    plain = Plain(network, ours.recipe)
    data = turns(ours, 5)
    for log, turn in zip(run(ours, data), data, strict=True):
        assert log == pytest.approx(plain.iterate(turn), rel=1e-7, abs=1e-11)
    learnt = 0
    for key, value in ours.networks[RECOGNISER].state_dict().items():
        if value.is_floating_point() and "running" not in key:
            torch.testing.assert_close(value, network.state_dict()[key], rtol=1e-6, atol=1e-7)
            learnt += bool((value - begun[key]).abs().max() > 1e-5)
    assert learnt > 10


def gradients(built: HaGan) -> dict[str, dict[str, bool]]:
    """By optimiser, which parameters have a gradient that is not zero."""
    (batches, noise) = turns(built, 1)[0]
    found = {}
    network = built.networks[RECOGNISER]
    for step in built.iterate(Iteration(0), batches, noise):
        network.zero_grad()
        torch.autograd.backward(step.loss)
        found[step.optimiser] = {
            name: weight.grad is not None and bool(weight.grad.any()) for name, weight in network.named_parameters()
        }
    return found


def test_each_step_reaches_the_network_of_its_optimiser_alone() -> None:
    for mode in ("split", "pair", "generated"):
        reached = gradients(system(f"d_input={mode}"))
        for optimiser, weights in reached.items():
            assert {name.split(".")[0] for name, is_reached in weights.items() if is_reached} == {optimiser}
        assert all(is_reached for name, is_reached in reached["generator"].items() if name.startswith("generator"))


@pytest.mark.parametrize("off", ["lambda_real=0", "lambda_pixel=0"])
def test_a_weight_of_zero_leaves_its_loss_out(off: str) -> None:
    built = system(off)
    (batches, noise) = turns(built, 1)[0]
    terms = {name for step in built.iterate(Iteration(0), batches, noise) for name in step.terms}
    assert terms == {"D/loss_class", "G/loss_class"} | (
        {"G/loss_pixel"} if off.startswith("lambda_real") else {"D/loss_real", "D/loss_fake", "G/loss_gan"}
    )
    if off.startswith("lambda_real"):
        reached = gradients(built)["discriminator"]
        real_head = {name: found for name, found in reached.items() if "real_head" in name}
        assert real_head
        assert not any(real_head.values())


def test_reading_test_faces_changes_nothing_in_the_network() -> None:
    """Batch norm uses what it knows from training, and learns nothing from the faces of a test."""
    built = system()
    run(built, turns(built, 3))
    network = built.networks[RECOGNISER].eval()
    before = copy.deepcopy(network.state_dict())
    faces = torch.rand(6, 3, 19, 19, dtype=torch.float64) * 2 - 1
    together, _ = built.predict(network, faces)
    alone = torch.cat([built.predict(network, face[None])[0] for face in faces])
    torch.testing.assert_close(together, alone)
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())


def test_the_system_predicts_human_faces_and_draws_the_character() -> None:
    built = system("character=mery")
    assert (built.prediction.network, built.prediction.domain) == (RECOGNISER, HUMAN)
    (way,) = built.translations(torch.zeros(6, 2))
    assert (way.name, way.source, way.target, way.keeps_emotion, way.back) == ("mery", HUMAN, CHARACTER, True, None)
    network = built.networks[RECOGNISER].eval()
    faces = turns(built, 1)[0][0][HUMAN].images
    drawn = built.translate(network, faces, way)
    assert drawn.shape == faces.shape
    assert isinstance(network, Recogniser)
    torch.testing.assert_close(built.predict(network, faces)[0], network.discriminator.classify(faces, drawn))
    assert not system("method=baseline").translations(torch.zeros(6, 2))


def test_the_spread_over_the_noise_is_reported() -> None:
    built = system("z_dim=4")
    images = {HUMAN: turns(built, 1)[0][0][HUMAN].images.float()}
    network: nn.Module = built.networks[RECOGNISER].float().eval()
    found = built.analyse({RECOGNISER: network}, images)
    assert found is not None
    assert found.numbers["noise"] > 0
    assert set(found.words) == {"noise"}
    assert system("z_dim=0").analysed_faces == 0


def test_every_term_has_its_words() -> None:
    for mode in MODES.values():
        built = system(*mode)
        for log in run(built, turns(built, 1)):
            assert set(log) <= set(ENTRY.terms)
