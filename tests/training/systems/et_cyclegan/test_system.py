"""ET-CycleGAN's losses against a plain second implementation, and whom their gradients reach."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.recipes.course import Iteration
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import full_precision
from fertools.training.systems.cyclegan.recipe import CycleganRecipe
from fertools.training.systems.cyclegan.system import Cyclegan, Faces
from fertools.training.systems.et_cyclegan import ENTRY
from fertools.training.systems.et_cyclegan.recipe import EtCycleganRecipe
from fertools.training.systems.et_cyclegan.system import EtCyclegan
from tests.training.systems.plain_cyclegan import TINY, run, run_plainly, turns

RANDOM = (
    *("image_size=32", "load_size=32", "face_net=vgg16-imagenet", "feature_px=image"),
    *("face_weights=random", "emotion_net=random", "emotion_arch=resnet18", "emotion_features=pooled"),
)
PAIRINGS = ("capture", "label", "none", "cycle")
State = Mapping[str, Tensor]


def system(*overrides: str) -> EtCyclegan:
    torch.manual_seed(0)
    built = EtCyclegan(resolve_recipe("et-cyclegan", EtCycleganRecipe, "paper", (*TINY, *RANDOM, *overrides)).recipe)
    for module in (*built.networks.values(), *built.memory.values(), *built.frozen.values()):
        module.double()
    for network in built.frozen.values():
        # Norms and biases of a network that has learned are not 0 and 1.
        for name, value in network.state_dict().items():
            if value.ndim == 1 and value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 if name.endswith(("var", "weight")) else value + 0.1)
    return built


def normalised(images: Tensor, mean: list[float], std: list[float]) -> Tensor:
    channels = [((images[:, i] + 1) / 2 - mean[i]) / std[i] for i in range(3)]
    return torch.stack(channels, dim=1)


def imagenet(images: Tensor) -> Tensor:
    return normalised(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def vgg16(images: Tensor, state: State) -> list[Tensor]:
    features, maps, number = imagenet(images), [], 0
    for block, count in enumerate((2, 2, 3, 3, 1)):
        if block:
            features = F.max_pool2d(features, 2)
            number += 1
        for place in range(count):
            weight, bias = (state[f"body.features.{number}.{part}"] for part in ("weight", "bias"))
            features = torch.relu(F.conv2d(features, weight, bias, padding=1))
            number += 2
            if place == 0:
                maps.append(features)
    return maps


def resnet18(images: Tensor, state: State) -> Tensor:
    def conv(features: Tensor, name: str, stride: int, padding: int) -> Tensor:
        return F.conv2d(features, state[f"body.network.{name}.weight"], stride=stride, padding=padding)

    def norm(features: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"body.network.{name}.{part}"].view(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (features - mean) / (var + 1e-5).sqrt() * weight + bias

    features = torch.relu(norm(conv(imagenet(images), "conv1", 2, 3), "bn1"))
    features = F.max_pool2d(features, 3, 2, 1)
    for stage in range(1, 5):
        for block in range(2):
            name, stride = f"layer{stage}.{block}", 2 if block == 0 and stage > 1 else 1
            skip = features
            if stride == 2:
                skip = norm(conv(features, f"{name}.downsample.0", 2, 0), f"{name}.downsample.1")
            inner = torch.relu(norm(conv(features, f"{name}.conv1", stride, 1), f"{name}.bn1"))
            features = torch.relu(norm(conv(inner, f"{name}.conv2", 1, 1), f"{name}.bn2") + skip)
    return features.mean(dim=(2, 3))


def plain_terms(
    built: EtCyclegan, layers: tuple[float, ...], weights: tuple[float, float], size: Callable[[Tensor], Tensor]
) -> Callable[[dict[str, Tensor]], dict[str, tuple[float, Tensor]]]:
    """Return the two feature losses as the paper writes them."""
    states = {
        name: {key: value.clone() for key, value in net.state_dict().items()} for name, net in built.frozen.items()
    }

    def further(made: dict[str, Tensor]) -> dict[str, tuple[float, Tensor]]:
        of_x, of_y = ("rec_x", "rec_y") if built.recipe.pairing == "cycle" else ("fake_x", "fake_y")
        terms = {}
        if "face" in states:
            pairs = zip(vgg16(made[of_x], states["face"]), vgg16(made["x"], states["face"]), layers, strict=True)
            parts = [weight * size(found - wanted) for found, wanted, weight in pairs]
            terms["G/loss_face_features"] = weights[0], torch.stack(parts).sum()
        if "emotion" in states:
            apart = resnet18(made[of_y], states["emotion"]) - resnet18(made["y"], states["emotion"])
            terms["G/loss_emotion_features"] = weights[1], size(apart)
        return terms

    return further


def mean(apart: Tensor) -> Tensor:
    return apart.abs().mean()


def norm(apart: Tensor) -> Tensor:
    return apart.abs().sum() / len(apart)


UNIFORM, RISING = (1.0,) * 5, (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
Case = tuple[tuple[str, ...], tuple[float, ...], tuple[float, float], tuple[float, float], Callable[[Tensor], Tensor]]
CASES: list[Case] = [
    *(((f"pairing={pairing}",), UNIFORM, (1.0, 1.0), (10.0, 5.0), mean) for pairing in PAIRINGS),
    (("face_layer_weights=pix2pixhd", "lambda_face=3", "lambda_emotion=0.5"), RISING, (3.0, 0.5), (10.0, 5.0), mean),
    (("weights=literal", "lambda_face=3", "reduction=sum", "batch_size=2"), UNIFORM, (1.0, 1.0), (1.0, 1.0), norm),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case[0]))
def test_several_iterations_are_those_of_a_plain_implementation(case: Case) -> None:
    overrides, layers, weights, of_cycle, size = case
    ours = system("pool_size=2", *overrides)
    plain = copy.deepcopy(ours.networks)
    further = plain_terms(ours, layers, weights, size)
    data = turns(ours, 4)
    logs, expected = run(ours, data), run_plainly(plain, data, ours.recipe, of_cycle, further)
    for log, wanted in zip(logs, expected, strict=True):
        # The scale of pixels is kept in float32.
        assert log == pytest.approx(wanted, rel=1e-5, abs=1e-9)
    for name, network in ours.networks.items():
        for key, value in network.state_dict().items():
            if key.endswith("weight"):
                torch.testing.assert_close(value, plain[name].state_dict()[key], rtol=1e-4, atol=1e-6)


def made_by(built: EtCyclegan) -> Faces:
    real = {name: batch.images for name, batch in turns(built, 1)[0][0].items()}
    g, f = built.networks["generator_target"], built.networks["generator_source"]
    fake = {"target": g(real["source"]), "source": f(real["target"])}
    return Faces(real, fake, {"source": f(fake["target"]), "target": g(fake["source"])})


@pytest.mark.parametrize(
    ("pairing", "term", "reached"),
    [
        ("capture", "face", {"generator_source"}),
        ("capture", "emotion", {"generator_target"}),
        ("none", "face", {"generator_source"}),
        ("none", "emotion", {"generator_target"}),
        ("label", "emotion", {"generator_target"}),
        ("cycle", "face", {"generator_source", "generator_target"}),
        ("cycle", "emotion", {"generator_source", "generator_target"}),
    ],
)
def test_each_loss_reaches_exactly_the_generators_that_it_should(pairing: str, term: str, reached: set[str]) -> None:
    built = system(f"pairing={pairing}")
    faces = made_by(built)
    terms = built.further_terms(faces, full_precision)
    torch.autograd.backward(terms[f"G/loss_{term}_features"].value)
    for name, network in {**built.networks, **built.frozen}.items():
        gradients = [weight.grad for weight in network.parameters()]
        if name in reached:
            assert all(gradient is not None for gradient in gradients), name
            moved = [
                bool(weight.grad.abs().max() > 0)
                for key, weight in network.named_parameters()
                if key.endswith("weight") and weight.grad is not None
            ]
            assert all(moved), name
        else:
            assert all(gradient is None for gradient in gradients), name


def test_in_label_mode_no_face_is_compared() -> None:
    built = system("pairing=label")
    assert list(built.frozen) == ["emotion"]
    assert list(built.further_terms(made_by(built), full_precision)) == ["G/loss_emotion_features"]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_equal_images_have_no_loss(pairing: str) -> None:
    built = system(f"pairing={pairing}")
    real = {name: batch.images for name, batch in turns(built, 1)[0][0].items()}
    for term in built.further_terms(Faces(real, real, real), full_precision).values():
        assert term.value.item() == 0
    other = {name: -images for name, images in real.items()}
    for term in built.further_terms(Faces(real, other, other), full_precision).values():
        assert term.value.item() > 0


def test_feature_networks_do_not_change_and_no_generator_makes_a_face_again() -> None:
    built = system()
    before = {name: copy.deepcopy(network.state_dict()) for name, network in built.frozen.items()}
    passes: list[int] = []
    for name in ("generator_target", "generator_source"):
        built.networks[name].register_forward_hook(lambda *_: passes.append(1))
    run(built, turns(built, 2))
    for name, network in built.frozen.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, before[name][key]), f"{name} {key}"
    # Of each generator one pass for translation and identity, and one for the way back.
    assert len(passes) == 2 * 4


def test_without_feature_losses_it_is_cyclegan() -> None:
    built = system("lambda_face=0", "lambda_emotion=0", "pairing=none")
    assert built.frozen == {}
    torch.manual_seed(0)
    sizes = ("image_size=32", "load_size=32")
    plain = Cyclegan(resolve_recipe("cyclegan", CycleganRecipe, "paper", (*TINY, *sizes)).recipe)
    for module in (*plain.networks.values(), *plain.memory.values()):
        module.double()
    data = turns(built, 3)
    assert run(built, data) == run(plain, data)


def test_terms_are_those_that_the_entry_explains() -> None:
    assert set(run(system(), turns(system(), 1))[0]) == set(ENTRY.terms)


def test_the_loss_is_the_weighted_sum_of_its_raw_terms() -> None:
    built = system("lambda_face=3", "lambda_emotion=0.5")
    step = next(iter(built.iterate(Iteration(0), *turns(built, 1)[0])))
    weights = {"gan": 1.0, "cycle": 10.0, "identity": 5.0, "face": 3.0, "emotion": 0.5}
    total = sum(weights[name.split("_")[1]] * value.item() for name, value in step.terms.items())
    assert step.loss.item() == pytest.approx(total, rel=1e-12)


def test_half_precision_changes_the_losses_little_and_keeps_them_wide() -> None:
    full, half = system(), system()
    for built in (full, half):
        for module in (*built.networks.values(), *built.memory.values(), *built.frozen.values()):
            module.float()
    (batches, noise) = turns(full, 1)[0]
    batches = {name: replace(one, images=one.images.float()) for name, one in batches.items()}
    parts: list[str] = []

    def cast(part: str) -> AbstractContextManager[object]:
        parts.append(part)
        return torch.autocast("cpu", torch.bfloat16)

    plain = next(iter(full.iterate(Iteration(0), batches, noise)))
    halved = next(iter(half.iterate(Iteration(0), batches, noise, cast)))
    assert set(parts) == set(full.recipe.parts)
    assert halved.loss.dtype == torch.float32
    for name in ("G/loss_face_features", "G/loss_emotion_features"):
        assert halved.terms[name].dtype == torch.float32
        assert halved.terms[name].item() == pytest.approx(plain.terms[name].item(), rel=0.05), name
    torch.autograd.backward(halved.loss)
    for network in ("generator_target", "generator_source"):
        assert all(
            weight.grad is not None and weight.grad.isfinite().all() for weight in half.networks[network].parameters()
        )


def test_initial_weights_are_those_of_a_cyclegan_of_the_same_seed() -> None:
    torch.manual_seed(0)
    plain: dict[str, nn.Module] = dict(
        Cyclegan(resolve_recipe("cyclegan", CycleganRecipe, "paper", TINY).recipe).networks
    )
    for name, network in system().networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, plain[name].state_dict()[key].double()), f"{name} {key}"
