"""CycleGAN's steps against a plain second implementation, and what the system says it can do."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fertools.training.recipes.course import Iteration
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Autocast
from fertools.training.systems.cyclegan import ENTRY
from fertools.training.systems.cyclegan.recipe import CycleganRecipe
from fertools.training.systems.cyclegan.system import DISCRIMINATORS, GENERATORS, Cyclegan, Faces, WeightedTerm
from tests.training.systems.plain_cyclegan import TINY, batch, run, run_plainly, turns


def system(*overrides: str) -> Cyclegan:
    torch.manual_seed(0)
    built = Cyclegan(resolve_recipe("cyclegan", CycleganRecipe, "paper", (*TINY, *overrides)).recipe)
    for module in (*built.networks.values(), *built.memory.values()):
        module.double()
    return built


@pytest.mark.parametrize(
    "overrides",
    [
        ("pool_size=4",),
        ("pool_size=4", "batch_size=3"),
        ("pool_size=0",),
        ("pool_size=3", "gan_mode=vanilla", "lambda_cycle=3", "lambda_identity=0.2"),
    ],
)
def test_twenty_iterations_are_those_of_a_plain_implementation(overrides: tuple[str, ...]) -> None:
    ours = system(*overrides)
    plain = copy.deepcopy(ours.networks)
    begun = copy.deepcopy(plain)
    data = turns(ours, 20)
    weights = ours.recipe.cycle_weight, ours.recipe.lambda_cycle * ours.recipe.lambda_identity
    logs, expected = run(ours, data), run_plainly(plain, data, ours.recipe, weights)
    for log, wanted in zip(logs, expected, strict=True):
        assert log == pytest.approx(wanted, rel=1e-8, abs=1e-12)
    for name, network in ours.networks.items():
        for key, value in network.state_dict().items():
            # A norm takes out the biases before it: their gradients are rounding errors, which Adam enlarges.
            torch.testing.assert_close(value, plain[name].state_dict()[key], rtol=1e-7, atol=1e-8)
            if key.endswith("weight"):
                assert (value - begun[name].state_dict()[key]).abs().max() > 1e-4, f"{name} {key} did not learn"


def test_a_third_of_the_batch_has_a_third_of_the_loss() -> None:
    """The mean of the losses of parts is that of the batch, so that a batch may go through in parts."""
    whole = system("batch_size=3", "pool_size=0")
    (batches, noise) = turns(whole, 1)[0]
    together = next(iter(whole.iterate(Iteration(0), batches, noise))).loss
    apart = [
        next(
            iter(
                whole.iterate(
                    Iteration(0),
                    {name: batch(one.images[row : row + 1]) for name, one in batches.items()},
                    {name: values[row : row + 1] for name, values in noise.items()},
                )
            )
        ).loss
        for row in range(3)
    ]
    torch.testing.assert_close(torch.stack(apart).mean(), together)


def test_half_precision_changes_the_losses_little_and_keeps_them_wide() -> None:
    full, half = system("pool_size=1"), system("pool_size=1")
    for built in (full, half):
        for module in (*built.networks.values(), *built.memory.values()):
            module.float()
    (batches, noise) = turns(full, 1)[0]
    batches = {name: replace(one, images=one.images.float()) for name, one in batches.items()}
    parts: list[str] = []

    def cast(part: str) -> AbstractContextManager[object]:
        parts.append(part)
        return torch.autocast("cpu", torch.bfloat16)

    plain = list(full.iterate(Iteration(0), batches, noise))
    halved = list(half.iterate(Iteration(0), batches, noise, cast))
    assert set(parts) == set(full.recipe.parts)
    for one, other in zip(plain, halved, strict=True):
        assert other.loss.dtype == torch.float32
        for name, value in other.terms.items():
            assert value.item() == pytest.approx(one.terms[name].item(), rel=0.03, abs=0.002), name


def test_terms_are_those_that_the_entry_explains() -> None:
    log = run(system(), turns(system(), 1))[0]
    assert set(log) == set(ENTRY.terms)


def test_weights_of_zero_leave_terms_out() -> None:
    assert not [name for name in run(system("lambda_identity=0"), turns(system(), 1))[0] if "identity" in name]
    log = run(system("lambda_cycle=0"), turns(system(), 1))[0]
    assert not [name for name in log if "identity" in name or "cycle" in name]


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    built = system()
    of_generators, of_discriminators = list(built.iterate(Iteration(0), *turns(built, 1)[0]))
    # The identity loss counts 10 x 0.5 = 5, and not 0.5.
    weights = {"gan": 1.0, "cycle": 10.0, "identity": 5.0}
    total = sum(weights[name.split("_")[1]] * value.item() for name, value in of_generators.terms.items())
    assert of_generators.loss.item() == pytest.approx(total, rel=1e-12)
    half = sum(value.item() for value in of_discriminators.terms.values()) / 2
    assert of_discriminators.loss.item() == pytest.approx(half, rel=1e-12)


def test_a_system_on_these_parts_adds_terms_of_the_faces_that_were_made() -> None:
    seen: list[Faces] = []

    class Brighter(Cyclegan):
        def further_terms(self, faces: Faces, cast: Autocast) -> Mapping[str, WeightedTerm]:
            seen.append(faces)
            return {"G/loss_dark": WeightedTerm((1 - faces.fake["target"]).mean(), 3.0)}

    built = system()
    data = turns(built, 1)[0]
    plain = next(iter(built.iterate(Iteration(0), *data)))
    vars(built)["further_terms"] = Brighter.further_terms.__get__(built)
    step = next(iter(built.iterate(Iteration(0), *data)))
    (faces,) = seen
    dark = (1 - faces.fake["target"]).mean()
    torch.testing.assert_close(step.loss, plain.loss + 3 * dark)
    torch.testing.assert_close(step.terms["G/loss_dark"], dark.detach())
    g, f = built.networks["generator_target"], built.networks["generator_source"]
    torch.testing.assert_close(faces.fake["target"], g(faces.real["source"]))
    torch.testing.assert_close(faces.back["source"], f(faces.fake["target"]))


def test_each_step_moves_its_own_networks_and_hands_the_others_back_trainable() -> None:
    built = system()
    steps = built.iterate(Iteration(0), *turns(built, 1)[0])
    for optimiser, kind in ((GENERATORS, "generator"), (DISCRIMINATORS, "discriminator")):
        step = next(steps)
        assert step.optimiser == optimiser
        assert set(built.optimisers[optimiser].networks) == {f"{kind}_source", f"{kind}_target"}
        torch.autograd.backward(step.loss)
        for name, network in built.networks.items():
            touched = [weight.grad is not None for weight in network.parameters()]
            assert all(touched) if name.startswith(kind) else not any(touched), name
            assert all(weight.requires_grad for weight in network.parameters())
            network.zero_grad()
    assert next(steps, None) is None


def test_each_discriminator_sees_the_pool_of_its_own_domain() -> None:
    built = system("pool_size=1", "batch_size=3")
    data = turns(built, 2)
    seen: dict[str, list[Tensor]] = {"source": [], "target": []}
    made: dict[str, list[Tensor]] = {"source": [], "target": []}
    for domain in seen:
        built.networks[f"discriminator_{domain}"].register_forward_pre_hook(
            lambda _, inputs, kept=seen[domain]: kept.append(inputs[0].detach())
        )
        built.networks[f"generator_{domain}"].register_forward_hook(
            lambda _, inputs, output, kept=made[domain]: kept.append(output.detach())
        )
    (batches, noise) = data[0]
    # All draws ask for a stored image: of the second and third face the discriminator sees the one before.
    swapped = {name: torch.ones_like(values) for name, values in noise.items()}
    list(built.iterate(Iteration(0), batches, swapped))
    for domain, images in seen.items():
        # The generators' step shows it the generated faces, the discriminators' step the real ones and the pool's.
        in_generators_step, in_own_step = images
        fake = made[domain][0][:3]
        torch.testing.assert_close(in_generators_step, fake)
        torch.testing.assert_close(in_own_step[:3], batches[domain].images)
        torch.testing.assert_close(in_own_step[3:], fake[[0, 0, 1]])


def test_pools_are_memory_and_draw_a_row_for_each_face() -> None:
    built = system("pool_size=7", "batch_size=3")
    noise = turns(built, 1)[0][1]
    assert {name: tuple(values.shape) for name, values in noise.items()} == {
        "pool_source": (3, 2),
        "pool_target": (3, 2),
    }
    assert {name: tuple(pool.state_dict()["images"].shape) for name, pool in built.memory.items()} == {
        "pool_source": (7, 3, 16, 16),
        "pool_target": (7, 3, 16, 16),
    }
    assert not torch.equal(noise["pool_source"], noise["pool_target"])


@pytest.mark.parametrize("side", range(16, 65, 4))
def test_every_size_that_four_divides_can_be_trained_on(side: int) -> None:
    built = system(f"image_size={side}", f"load_size={side}", "conv_dim=1")
    log = run(built, turns(built, 1))[0]
    assert all(0 <= value < 10 for value in log.values())


def test_translations_are_both_directions_and_lead_back() -> None:
    built = system()
    to_target, to_source = built.translations(torch.zeros(7, 2))
    assert (to_target.name, to_target.source, to_target.target) == ("thermal", "source", "target")
    assert (to_source.name, to_source.source, to_source.target) == ("visible", "target", "source")
    assert (to_target.network, to_target.back) == ("generator_target", "generator_source")
    assert (to_source.network, to_source.back) == ("generator_source", "generator_target")
    for translation in (to_target, to_source):
        assert translation.keeps_emotion
        assert (translation.emotion, translation.condition, translation.valence_arousal) == (None, None, None)


@torch.no_grad()
def test_translating_there_and_back_is_what_the_cycle_loss_measures() -> None:
    built = system()
    (batches, noise) = turns(built, 1)[0]
    terms = next(iter(built.iterate(Iteration(0), batches, noise))).terms
    for translation in built.translations(torch.zeros(7, 2)):
        faces = batches[translation.source]
        made = built.translate(built.networks[translation.network], faces.images, translation)
        assert translation.back is not None
        back = built.translate_back(built.networks[translation.back], made, translation, faces)
        cycle = (back - faces.images).abs().mean()
        torch.testing.assert_close(cycle, terms[f"G/loss_cycle_{translation.source}"])


def test_it_predicts_nothing() -> None:
    assert system().prediction is None
    assert system().discriminator_head(torch.zeros(1, 3, 16, 16)) is None
