"""The recipe of CycleGAN: its presets, its domains, its length, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest

from fertools.core.errors import RecipeError
from fertools.training.recipes.domains import Domain
from fertools.training.recipes.recipe import ORIGINS, Resolved
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.recipes.schedules import rate_factor
from fertools.training.systems.cyclegan.recipe import CycleganRecipe
from fertools.training.systems.cyclegan.system import name_directions


def resolve(preset: str, *overrides: str) -> Resolved[CycleganRecipe]:
    return resolve_recipe("cyclegan", CycleganRecipe, preset, overrides)


def test_paper_preset_is_the_paper() -> None:
    recipe = resolve("paper").recipe
    assert (recipe.image_size, recipe.loaded_px, recipe.batch_size) == (256, 286, 1)
    assert (recipe.conv_dim, recipe.generator_blocks, recipe.discriminator_layers) == (64, 9, 3)
    assert (recipe.gan_mode, recipe.lambda_cycle, recipe.identity_weight, recipe.pool_size) == ("lsgan", 10, 5, 50)
    assert (recipe.beta1, recipe.beta2, recipe.lr, recipe.lr_schedule) == (0.5, 0.999, 2e-4, "epochs")
    assert (recipe.epochs, recipe.decay_epochs, recipe.flip, recipe.ema) == (100, 100, True, 0)


def test_there_are_the_presets_that_people_are_told_of() -> None:
    assert list(describe_presets("cyclegan")) == ["paper", "recommended", "cpu", "smoke"]


@pytest.mark.parametrize("preset", describe_presets("cyclegan"))
def test_every_key_of_every_preset_has_value_origin_and_note(preset: str) -> None:
    record = resolve(preset).record()
    assert sorted(record) == sorted(field.name for field in dataclasses.fields(CycleganRecipe))
    for name, entry in record.items():
        assert entry["origin"] in ORIGINS, name
        assert entry["note"], name


def test_identity_is_a_share_of_the_cycle_weight() -> None:
    assert resolve("paper", "lambda_cycle=4", "lambda_identity=0.25").recipe.identity_weight == 1
    assert resolve("paper", "lambda_identity=0").recipe.identity_weight == 0


PAIRINGS = ("none", "label", "capture")


def test_domains_come_from_the_keys() -> None:
    recipe = resolve("smoke").recipe
    assert recipe.domains == (Domain("source", "visible"), Domain("target", "thermal"))
    assert recipe.domain_pairing == "none"
    chosen = resolve("smoke", "target=animated", "target_dataset=ferg", "pairing=label").recipe
    assert chosen.domains[0] == Domain("source", "visible", needs_emotion=True)
    assert chosen.domains[1] == Domain("target", "animated", "ferg", needs_emotion=True)
    assert chosen.domain_pairing == "label"
    assert [resolve("smoke", f"pairing={pairing}").recipe.augments_pairs_alike for pairing in PAIRINGS] == [0, 0, 1]
    assert not any(domain.needs_emotion for domain in resolve("smoke", "pairing=capture").recipe.domains)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ((), ["visible", "thermal"]),
        (("source=nir",), ["nir", "thermal"]),
        (("target=visible", "source_dataset=lab", "target_dataset=web"), ["lab", "web"]),
        (("target=visible", "target_dataset=web"), ["source", "web"]),
    ],
)
def test_directions_are_named_by_what_tells_the_domains_apart(overrides: tuple[str, ...], names: list[str]) -> None:
    assert list(name_directions(resolve("smoke", *overrides).recipe).values()) == names


@pytest.mark.parametrize(("batch", "epoch"), [(1, 90), (4, 23), (100, 1)])
def test_an_epoch_is_a_pass_over_the_larger_domain(batch: int, epoch: int) -> None:
    recipe = resolve("paper", f"batch_size={batch}", "epochs=2", "decay_epochs=3").recipe
    for faces in ({"source": 90, "target": 7}, {"source": 7, "target": 90}):
        course = recipe.course(faces)
        assert (course.epoch, course.iterations) == (epoch, 5 * epoch)
        assert course.validate_every == 0
    judged = resolve("paper", "judge=classifier/cpu", "val_share=0.1").recipe
    assert judged.course({"source": 9, "target": 9}).validate_every == judged.sample_every


@pytest.mark.parametrize(
    ("epoch", "factor"), [(1, 1.0), (100, 1.0), (101, 1 - 1 / 101), (150, 1 - 50 / 101), (200, 1 / 101)]
)
def test_the_rate_falls_by_equal_steps_at_the_ends_of_epochs(epoch: int, factor: float) -> None:
    recipe = resolve("paper").recipe
    course = recipe.course({"source": 7, "target": 5})
    for iteration in ((epoch - 1) * 7, epoch * 7 - 1):
        found = rate_factor(
            recipe.lr_schedule,
            recipe.warmup,
            iteration,
            course.iterations,
            epoch=course.epoch,
            decay_epochs=recipe.decay_epochs,
        )
        assert found == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("image_size=254",), "the generators need a multiple of 4; give 256"),
        (("image_size=20", "discriminator_layers=3"), "needs 24 pixels"),
        (("image_size=4", "discriminator_layers=1"), "needs 8 pixels"),
        (("load_size=128",), "load_size is 128"),
        (("target=visible",), "source and target are both the visible faces of all datasets"),
        (("target=visible", "source_dataset=lab", "target_dataset=lab"), "faces of the dataset lab"),
        (("gan_mode=wgan",), "choose one of lsgan, vanilla"),
        (("epochs=0",), "give 1 or more"),
        (("precision_parts=penalty=bf16",), "there are generator, discriminator"),
        (("judge=classifier/cpu",), "there is nobody whose faces it could read"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve("paper", *overrides)


@pytest.mark.parametrize("side", range(16, 65, 4))
def test_every_size_that_four_divides_is_taken(side: int) -> None:
    settings = (f"image_size={side}", f"load_size={side}")
    assert resolve("paper", *settings, f"discriminator_layers={2 if side < 24 else 3}").recipe.image_size == side
