"""The recipe of CycleAT: its presets, domains and stages, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest

from fertools.core.errors import RecipeError
from fertools.training.recipes.recipe import ORIGINS, Resolved
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.systems.cycleat.recipe import CycleatRecipe


def resolve(preset: str = "paper", *overrides: str) -> Resolved[CycleatRecipe]:
    return resolve_recipe("cycleat", CycleatRecipe, preset, overrides)


def test_the_paper_is_what_the_specification_says() -> None:
    resolved = resolve()
    recipe = resolved.recipe
    assert (recipe.image_size, recipe.classifier_px, recipe.network, recipe.width) == (256, 224, "resnet50", 1)
    assert (recipe.generator_blocks, recipe.discriminator_layers, recipe.conv_dim) == (9, 3, 64)
    assert (recipe.gan_mode, recipe.cycle_weight, recipe.identity_weight) == ("vanilla", 1, 0)
    assert (recipe.at_form, recipe.at_teacher_input, recipe.beta, recipe.guard) == ("literal", "source", 0.1, 0)
    assert (recipe.start, recipe.norms, recipe.batch_size, recipe.gan_batch) == ("normal", "batch", 16, 1)
    assert (recipe.lr, recipe.beta1, recipe.beta2, recipe.lr_schedule) == (2e-4, 0.5, 0.999, "constant")
    assert [(stage.name, stage.iterations) for stage in recipe.course({}).stages] == [
        ("translation", 100_000),
        ("joint", 100_000),
    ]
    tags = {name: origin.tag for name, origin in resolved.origins.items()}
    for name in ("network", "at_form", "start", "guard", "lr", "beta1", "generator_blocks", "stage2_trains"):
        assert tags[name] == "P", name
    for name in ("gan_mode", "lambda_cycle", "reduction", "at_teacher_input"):
        assert tags[name] == "X", name
    for name in ("beta", "norms", "batch_size", "stage1_iterations", "classifier_px"):
        assert tags[name] == "C", name


def test_what_we_recommend_differs_where_the_paper_cannot_be_right() -> None:
    recipe = resolve("recommended").recipe
    assert (recipe.gan_mode, recipe.cycle_weight, recipe.guard, recipe.start) == ("lsgan", 10, 1, "teacher")
    assert (recipe.at_form, recipe.beta, recipe.precision, recipe.ema) == ("reference", 1, "bf16", 0.999)


def test_there_are_the_presets_that_people_are_told_of() -> None:
    assert list(describe_presets("cycleat")) == ["paper", "recommended", "cpu", "smoke"]


@pytest.mark.parametrize("preset", describe_presets("cycleat"))
def test_every_key_of_every_preset_has_value_origin_and_note(preset: str) -> None:
    record = resolve(preset).record()
    assert sorted(record) == sorted(field.name for field in dataclasses.fields(CycleatRecipe))
    for name, entry in record.items():
        assert entry["origin"] in ORIGINS, name
        assert entry["note"], name
    assert (record["teacher"]["value"] == "random") == (preset == "smoke")


def test_a_sum_has_as_many_times_the_weight_as_a_face_has_numbers() -> None:
    assert resolve("paper", "reduction=sum").recipe.cycle_weight == 196_608


def test_source_faces_need_labels_and_wild_faces_only_test() -> None:
    source, target = resolve().recipe.domains
    assert (source.dataset, source.needs_emotion) == ("laboratory", True)
    assert (target.dataset, target.needs_emotion) == ("web", False)
    *others, wild = resolve("paper", "wild_dataset=sfew").recipe.domains
    assert others == [source, target]
    assert (wild.name, wild.dataset, wild.needs_emotion, wild.tested_only) == ("wild", "sfew", True, True)


def stages(*overrides: str) -> list[tuple[str, int]]:
    return [(stage.name, stage.iterations) for stage in resolve("smoke", *overrides).recipe.course({}).stages]


def test_the_stages_can_be_had_one_by_one() -> None:
    assert stages("stage2_iterations=0") == [("translation", 3)]
    assert stages("stage1_iterations=0") == [("joint", 3)]
    assert stages("stage2_trains=classifier") == [("translation", 3), ("recognition", 3)]


def test_weights_are_asked_for_if_something_uses_them() -> None:
    assert resolve().recipe.starting_weights == {"teacher": "classifier/laboratory"}
    assert resolve("paper", "beta=0").recipe.starting_weights == {}
    assert resolve("recommended", "beta=0").recipe.starting_weights == {"teacher": "classifier/laboratory"}
    assert resolve("paper", "start=a.pth", "beta=0", "teacher=").recipe.starting_weights == {"classifier": "a.pth"}
    assert resolve("smoke").recipe.starting_weights == {}
    assert not resolve("paper", "stage2_iterations=0").recipe.predicts_emotion


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("source_dataset=",), "source_dataset is empty, so that source and target share faces"),
        (("target_dataset=",), "target_dataset is empty, so that source and target share faces"),
        (("target_dataset=laboratory",), "source and target are both the visible faces of the dataset laboratory"),
        (("network=resnet5",), "network is 'resnet5', did you mean 'resnet50'.* each stage of a ResNet"),
        (("network=vgg16",), "choose one of resnet18"),
        (("classifier_px=16",), "the classifier resnet50 needs faces of 32 pixels and gets faces of 16"),
        (("teacher=",), "beta is 0.1, and teacher is empty"),
        (("teacher=", "beta=0", "start=teacher"), "start is teacher, and teacher is empty"),
        (("batch_size=8",), "the batch norms of the classifier need 16 faces in each; give batch_size=16"),
        (("accumulate=2", "gan_batch=2"), "batch_size is 16 in 2 parts, .*; give batch_size=32"),
        (("batch_size=32", "accumulate=2"), "gan_batch is 1, with batches of 32 faces in 2 parts; give a multiple"),
        (("gan_batch=17",), "gan_batch is 17"),
        (("norms=frozen",), "norms is frozen, and start is normal"),
        (("stage1_iterations=0", "stage2_iterations=0"), "both 0, so nothing is trained"),
        (("stage1_iterations=0", "stage2_trains=classifier"), "the generator of its faces is never trained"),
        (("at_teacher_input=target",), "choose one of source, generated"),
        (("lr_schedule=epochs",), "choose one of constant, linear, cosine"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve("paper", *overrides)
