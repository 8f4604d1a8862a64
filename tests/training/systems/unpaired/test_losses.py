"""The losses by their numbers, and which parameters each of them reaches."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fertools.training.data.batch import Batch
from fertools.training.networks.imagenet import normalised
from fertools.training.recipes.course import Iteration
from fertools.training.systems.unpaired.guidance_losses import (
    adaptive_weight,
    entropy,
    fooling_loss,
    thermal_fooling_loss,
)
from fertools.training.systems.unpaired.networks import FEATURE_STAGES
from fertools.training.systems.unpaired.recipe import (
    FEATURE_CRITIC,
    GUIDANCE,
    LABEL_CRITIC,
    THERMAL,
    VISIBLE,
)
from fertools.training.systems.unpaired.system import CRITICS, GUIDED, Unpaired
from tests.training.systems.unpaired.made import DIFFERING, Turn, system, turns

OF_FEATURES = ["conv1", "bn1", "layer1", "layer2"]
REST = ["layer3", "layer4", "fc"]
ONLY = ("lambda_h=0", "lambda_l=0", "lambda_r=0", "thermal=frozen")


def logit(probability: float) -> Tensor:
    return torch.tensor([probability], dtype=torch.float64).logit()


def test_the_adaptive_weight_is_largest_where_the_discriminators_are_unsure() -> None:
    yes = torch.ones(1)
    unsure, sure_visible, sure_thermal = logit(0.5), torch.tensor([60.0]), torch.tensor([-60.0])
    assert adaptive_weight(unsure, unsure, yes).item() == pytest.approx(1 + math.log(2), abs=1e-9)
    assert round(adaptive_weight(unsure, unsure, yes).item(), 4) == 1.6931
    for sure in (sure_visible, sure_thermal):
        assert adaptive_weight(sure, sure, yes).item() == 1
        assert adaptive_weight(sure, unsure, yes).item() == pytest.approx(1 + math.log(2) / 2)
    p, q = 0.2, 0.9
    h, g = (-x * math.log(x) - (1 - x) * math.log(1 - x) for x in (p, q))
    assert adaptive_weight(logit(p), logit(q), yes).item() == pytest.approx(1 + (h + g) / 2)
    assert adaptive_weight(logit(p), logit(q), torch.zeros(1)).item() == pytest.approx(1 + h), "not judged"
    assert adaptive_weight(logit(p), None, yes).item() == pytest.approx(1 + h)
    assert adaptive_weight(None, logit(q), yes).item() == pytest.approx(1 + g)
    assert adaptive_weight(None, logit(q), torch.zeros(1)).item() == 1


def test_the_weight_has_no_gradient() -> None:
    logits = torch.zeros(2, requires_grad=True)
    assert not adaptive_weight(logits, logits, torch.ones(2)).requires_grad
    assert entropy(logits).requires_grad


@pytest.mark.parametrize("probability", [1e-6, 0.2, 0.5, 0.9])
def test_each_form_is_its_logarithm(probability: float) -> None:
    assert fooling_loss(logit(probability), "non-saturating").item() == pytest.approx(-math.log(1 - probability))
    assert fooling_loss(logit(probability), "saturating").item() == pytest.approx(math.log(probability))
    assert thermal_fooling_loss(logit(probability)).item() == pytest.approx(-math.log(probability))


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([-1e4, 1e4])
    for values in (fooling_loss(logits, "non-saturating"), fooling_loss(logits, "saturating"), entropy(logits)):
        assert values.isfinite().all()


def step_of(built: Unpaired, turn: Turn, optimiser: str) -> None:
    """Differentiate one step of the guidance, the steps before it not taken."""
    for step in built.iterate(Iteration(0, GUIDANCE, 0, 1), *turn):
        for network in built.networks.values():
            network.zero_grad()
        torch.autograd.backward(step.loss)
        if step.optimiser == optimiser:
            return
    raise AssertionError(optimiser)


def reached(network: nn.Module) -> list[str]:
    """Return the parts of a network with a gradient that is not zero."""
    return [
        name
        for name, part in network.named_children()
        if any(weight.grad is not None and bool(weight.grad.any()) for weight in part.parameters())
    ]


def cross_entropy_left_out(built: Unpaired, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*arguments: object) -> Tensor:
        logits = arguments[1]
        assert isinstance(logits, Tensor)
        return logits.sum() * 0

    monkeypatch.setattr(built, "_cross_entropy", nothing)


@pytest.mark.parametrize(
    ("overrides", "visible", "decoder"),
    [
        (("losses=v,h", "lambda_h=1"), OF_FEATURES, []),
        (("losses=v,h", "lambda_h=1", "adv=saturating"), OF_FEATURES, []),
        (("losses=v,l", "lambda_l=1"), OF_FEATURES + REST, []),
        (("losses=v,l", "lambda_l=1", "adv=saturating"), OF_FEATURES + REST, []),
        (("losses=v,l", "lambda_l=1", *DIFFERING), OF_FEATURES + REST, []),
        (("losses=v,l", "lambda_l=1", *DIFFERING, "label_align=sorted"), OF_FEATURES + REST, []),
        (("losses=v,r", "lambda_r=1"), OF_FEATURES, ["0", "1", "3", "4", "6", "7", "9"]),
        (("losses=a,h,l",), [], []),
    ],
)
def test_each_term_reaches_the_parameters_that_it_should(
    monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], visible: list[str], decoder: list[str]
) -> None:
    built = system(*ONLY, *overrides)
    (turn,) = turns(built, 1)
    cross_entropy_left_out(built, monkeypatch)
    step_of(built, turn, GUIDED)
    assert reached(built.networks[VISIBLE]) == visible
    assert reached(built.networks[THERMAL]) == [], "it is frozen"
    if decoder:
        assert reached(built.networks["decoder"]) == decoder
    for critic in (FEATURE_CRITIC, LABEL_CRITIC):
        if critic in built.networks:
            assert reached(built.networks[critic]) == [], "the discriminators have a step of their own"


def test_no_gradient_comes_through_the_adaptive_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    built = system(*ONLY, "losses=a,h,l")
    (turn,) = turns(built, 1)
    shown: list[Tensor] = []

    def weight_alone(name: str, logits: Tensor, batch: Batch, weights: Tensor | None = None) -> Tensor:
        del name, batch
        if weights is None:
            return logits.sum() * 0
        shown.append(weights)
        return weights.sum() + logits.sum() * 0

    monkeypatch.setattr(built, "_cross_entropy", weight_alone)
    step_of(built, turn, GUIDED)
    assert len(shown) == 1
    assert (shown[0] > 1).all()
    assert reached(built.networks[VISIBLE]) == []


def test_the_discriminators_reach_nothing_but_themselves() -> None:
    built = system()
    (turn,) = turns(built, 1)
    step_of(built, turn, CRITICS)
    for name in (VISIBLE, THERMAL, "decoder"):
        assert all(weight.grad is None for weight in built.networks[name].parameters()), name
    for name in (FEATURE_CRITIC, LABEL_CRITIC):
        assert reached(built.networks[name])


def printed_h(built: Unpaired, thermal: Tensor) -> Tensor:
    features = built._classifier(THERMAL).begin(thermal, FEATURE_STAGES)
    return thermal_fooling_loss(built.networks[FEATURE_CRITIC](features)).mean()


def printed_l(built: Unpaired, thermal: Tensor) -> Tensor:
    shown = built._classifier(THERMAL)(thermal).softmax(dim=1)
    return thermal_fooling_loss(built.networks[LABEL_CRITIC](shown)).mean()


@pytest.mark.parametrize("equation", [printed_h, printed_l])
def test_the_printed_equations_hold_nothing_of_the_visible_network(
    equation: Callable[[Unpaired, Tensor], Tensor],
) -> None:
    built = system()
    (turn,) = turns(built, 1)
    torch.autograd.backward(equation(built, turn[0][THERMAL].images))
    assert all(weight.grad is None for weight in built.networks[VISIBLE].parameters())
    assert reached(built.networks[THERMAL])


@pytest.mark.parametrize("form", ["non-saturating", "saturating"])
def test_a_step_on_the_features_loss_makes_them_look_more_thermal(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    built = system(*ONLY, "losses=v,h", "lambda_h=1", f"adv={form}")
    (turn,) = turns(built, 1)
    cross_entropy_left_out(built, monkeypatch)

    def judged() -> float:
        # In training mode, as the step has seen them.
        network = built._classifier(VISIBLE).train()
        images = turn[0][VISIBLE].images
        with torch.no_grad():
            logits: Tensor = built.networks[FEATURE_CRITIC](network.begin(normalised(images), FEATURE_STAGES))
        return logits.sigmoid().mean().item()

    before = judged()
    step_of(built, turn, GUIDED)
    with torch.no_grad():
        for weight in built.networks[VISIBLE].parameters():
            if weight.grad is not None:
                weight.sub_(1e-2 * weight.grad)
    assert judged() < before


def test_a_face_of_a_class_that_the_other_domain_lacks_adds_nothing_to_the_loss_of_predictions() -> None:
    built = system(*DIFFERING, "losses=v,l")
    (turn,) = turns(built, 1)
    batch = turn[0][VISIBLE]
    assert [built.recipe.class_names[place] for place in batch.emotions.tolist()] == ["anger", "happiness", "anger"]
    logged = {
        name: value.item()
        for step in built.iterate(Iteration(0, GUIDANCE, 0, 1), *turn)
        for name, value in step.terms.items()
    }
    everybody = built.networks[LABEL_CRITIC](built._align.visible(_logits(built, batch.images)))
    third = fooling_loss(everybody, "non-saturating")[1] / 3
    assert logged["visible/loss_l"] == pytest.approx(third.item())


def _logits(built: Unpaired, images: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = built.networks[VISIBLE].train()(normalised(images))
    return logits


def test_probabilities_of_shared_classes_add_up_and_sorted_ones_fall() -> None:
    built = system(*DIFFERING)
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]], dtype=torch.float64)
    shown = built._align.visible(logits)
    # The shared classes are happiness and surprise, the third and the fourth.
    whole = logits.softmax(dim=1)[0]
    assert torch.allclose(shown[0], whole[2:] / whole[2:].sum())
    ordered = system(*DIFFERING, "label_align=sorted")._align
    assert torch.allclose(ordered.visible(logits)[0], whole.flip(0))
    three = ordered.thermal(torch.tensor([[0.0, 2.0, 1.0]]))[0]
    assert three.tolist() == sorted(three.tolist(), reverse=True)
    assert three[3] == 0
    assert three.sum().item() == pytest.approx(1)
