"""The recipe of ET-CycleGAN: its presets, the weights of its losses, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest

from fertools.core.errors import RecipeError
from fertools.training.networks.names import FEATURE_NETWORKS
from fertools.training.recipes.recipe import ORIGINS, Resolved
from fertools.training.recipes.resolve import describe_presets, resolve_recipe
from fertools.training.systems.et_cyclegan.recipe import EtCycleganRecipe


def resolve(preset: str, *overrides: str) -> Resolved[EtCycleganRecipe]:
    return resolve_recipe("et-cyclegan", EtCycleganRecipe, preset, overrides)


def test_paper_preset_is_the_paper() -> None:
    resolved = resolve("paper")
    recipe = resolved.recipe
    assert (recipe.source, recipe.target, recipe.pairing) == ("visible", "thermal", "capture")
    assert (recipe.image_size, recipe.loaded_px, recipe.batch_size) == (256, 286, 1)
    assert (recipe.generator_blocks, recipe.discriminator_layers, recipe.conv_dim) == (9, 3, 64)
    assert (recipe.epochs, recipe.decay_epochs, recipe.lr, recipe.lr_schedule) == (100, 100, 2e-4, "epochs")
    assert (recipe.gan_mode, recipe.cycle_weight, recipe.identity_weight) == ("lsgan", 10, 5)
    assert (recipe.face_weight, recipe.emotion_weight, recipe.reduction) == (1, 1, "mean")
    assert (recipe.face_net, recipe.face_layer_weights) == ("vgg19-imagenet", "uniform")
    assert (recipe.emotion_arch, recipe.emotion_features, recipe.feature_px) == ("resnet50", "logits", 224)
    tags = {name: origin.tag for name, origin in resolved.origins.items()}
    for name in ("generator_blocks", "discriminator_layers", "epochs", "lr", "batch_size", "emotion_features"):
        assert tags[name] == "P", name
    for name in ("pairing", "gan_mode", "weights"):
        assert tags[name] == "X", name
    for name in ("face_net", "face_layer_weights", "lambda_face", "lambda_emotion", "reduction", "feature_px"):
        assert tags[name] == "C", name


def test_there_are_the_presets_that_people_are_told_of() -> None:
    assert list(describe_presets("et-cyclegan")) == ["paper", "recommended", "cpu", "smoke"]


@pytest.mark.parametrize("preset", describe_presets("et-cyclegan"))
def test_every_key_of_every_preset_has_value_origin_and_note(preset: str) -> None:
    record = resolve(preset).record()
    assert sorted(record) == sorted(field.name for field in dataclasses.fields(EtCycleganRecipe))
    for name, entry in record.items():
        assert entry["origin"] in ORIGINS, name
        assert entry["note"], name
    if preset != "smoke":
        assert "random" not in (record["face_weights"]["value"], record["emotion_net"]["value"])


def weights_of(*overrides: str) -> list[float]:
    recipe = resolve("paper", *overrides).recipe
    return [recipe.cycle_weight, recipe.identity_weight, recipe.face_weight, recipe.emotion_weight]


def test_literal_weights_are_one_each_but_for_those_that_are_off() -> None:
    assert weights_of("weights=literal", "lambda_face=0.3") == [1, 1, 1, 1]
    assert weights_of("weights=literal", "lambda_face=0", "lambda_identity=0") == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("pairing", "drawn", "alike", "face"),
    [
        ("capture", "capture", True, 1),
        ("label", "label", True, 0),
        ("none", "none", False, 1),
        ("cycle", "none", False, 1),
    ],
)
def test_pairing_decides_which_faces_come_together(pairing: str, drawn: str, alike: bool, face: float) -> None:
    recipe = resolve("paper", f"pairing={pairing}").recipe
    assert (recipe.domain_pairing, recipe.augments_pairs_alike) == (drawn, alike)
    assert (recipe.face_weight, recipe.emotion_weight) == (face, 1)
    assert all(domain.needs_emotion == (pairing == "label") for domain in recipe.domains)


def test_weights_come_from_where_the_keys_say_if_the_loss_has_any_use_of_them() -> None:
    assert resolve("paper").recipe.starting_weights == {"face": "vgg19-imagenet", "emotion": "classifier/thermal"}
    chosen = resolve("paper", "face_net=vgg16-imagenet", "face_weights=mine.pth", "emotion_net=a.pth").recipe
    assert chosen.starting_weights == {"face": "mine.pth", "emotion": "a.pth"}
    assert resolve("paper", "pairing=label", "lambda_emotion=0").recipe.starting_weights == {}
    assert resolve("smoke").recipe.starting_weights == {}


def test_face_nets_are_those_that_there_are() -> None:
    for name in FEATURE_NETWORKS:
        assert resolve("paper", f"face_net={name}").recipe.face_net == name


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("face_net=vgg19",), "face_net in .* is 'vgg19'; choose one of vgg19-imagenet"),
        (("emotion_arch=resnet5",), "emotion_arch is 'resnet5', did you mean 'resnet50'"),
        (("emotion_net=",), "emotion_net is empty; give a classifier's run"),
        (("pairing=cycle", "lambda_cycle=0"), "pairing is cycle, which compares reconstructed faces"),
        (("feature_px=112",), "choose one of 224, image, trained"),
        (("weights=ones",), "choose one of cyclegan, literal"),
        (("image_size=254",), "the generators need a multiple of 4"),
        (("precision_parts=penalty=bf16",), "there are generator, discriminator, features"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve("paper", *overrides)
