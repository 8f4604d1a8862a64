"""Which recipes of unpaired recognition there are, what is refused, and what follows from the keys."""

from __future__ import annotations

import pytest

from fertools.core.errors import RecipeError
from fertools.training.recipes.course import Stage
from fertools.training.recipes.domains import Part
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.unpaired.recipe import UnpairedRecipe, read_losses
from tests.training.systems.unpaired.made import DIFFERING, recipe


def test_the_paper_s_values() -> None:
    resolved = resolve_recipe("unpaired", UnpairedRecipe, "paper")
    paper, origins = resolved.recipe, resolved.origins
    expected = {
        "network": "resnet34",
        "image_size": 224,
        "load_size": 240,
        "rotate_deg": 10.0,
        "visible_start": "resnet34-imagenet",
        "thermal_start": "resnet34-imagenet",
        "losses": "a,h,l,r",
        "adv": "non-saturating",
        "thermal": "frozen",
        "label_align": "intersection",
        "unpaired_unit": "sample",
        "lr": 2e-3,
        "lr_schedule": "cosine",
        "discriminator_lr": 1e-4,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "batch_size": 32,
        "stage1_epochs": 60,
        "stage2_epochs": 60,
        "lambda_h": 0.1,
        "lambda_l": 0.1,
        "lambda_r": 1.0,
    }
    assert {name: getattr(paper, name) for name in expected} == expected
    tags = {tag: {name for name in expected if origins[name].tag == tag} for tag in "PRCX"}
    assert tags["P"] == {"network", "image_size", "losses", "lr", "lr_schedule", "discriminator_lr"}
    assert tags["X"] == {"adv", "thermal", "label_align"}
    assert not tags["R"]


@pytest.mark.parametrize("preset", ["paper", "recommended", "cpu", "smoke"])
def test_every_preset_resolves(preset: str) -> None:
    resolved = resolve_recipe("unpaired", UnpairedRecipe, preset)
    assert resolved.recipe.unpaired_unit in ("subject", "sample")
    assert all(origin.note for origin in resolved.origins.values())


def test_domains_take_different_halves() -> None:
    visible, thermal = recipe("unpaired_unit=sample", "samples=50", "thermal_dataset=mmse").domains
    assert (visible.part, thermal.part) == (Part("sample", 0, 2), Part("sample", 1, 2))
    assert (visible.samples, thermal.samples) == (50, 50)
    assert (visible.dataset, thermal.dataset) == ("", "mmse")
    assert all(domain.part is None for domain in recipe("unpaired_unit=off").domains)


def test_both_stages_are_counted_in_passes_over_the_visible_faces() -> None:
    course = recipe("stage1_epochs=2", "stage2_epochs=3", "batch_size=4").course({"visible": 9, "thermal": 100})
    assert course.stages == (Stage("classifiers", 6), Stage("guidance", 9))
    assert (course.epoch, course.validate_every) == (3, 0)
    assert recipe("val_share=0.2").course({"visible": 9, "thermal": 9}).validate_every == 3
    started = recipe("stage1_epochs=0", "thermal_start=t.safetensors").course({"visible": 9, "thermal": 9})
    assert [stage.name for stage in started.stages] == ["guidance"]
    alone = recipe("stage2_epochs=0").course({"visible": 9, "thermal": 9})
    assert [stage.name for stage in alone.stages] == ["classifiers"]


def test_predictions_are_compared_by_the_classes_that_both_have() -> None:
    differing = recipe(*DIFFERING)
    assert differing.alignment == "intersection"
    assert differing.shared_classes == differing.thermal_outputs == ("happiness", "surprise")
    assert recipe(*DIFFERING, "label_align=sorted").thermal_outputs == ("happiness", "neutral", "surprise")
    same = recipe("classes=anger,fear", "thermal_classes=fear,anger")
    assert same.alignment == "identity"
    assert same.thermal_class_names == ("anger", "fear"), "in the order of the visible classes"
    assert recipe().alignment == "identity"
    assert recipe("label_align=sorted").alignment == "sorted"


def test_a_paired_baseline_has_losses_and_pairs_of_its_own() -> None:
    assert recipe("paired=wang", "unpaired_unit=off").active == {"v", "pair"}
    assert recipe("paired=pan", "unpaired_unit=off").active == {"v", "h", "pair"}
    assert recipe("paired=pan", "unpaired_unit=off").domain_pairing == "capture"
    assert recipe().domain_pairing == "none"
    assert recipe("label_align=off").active == {"a", "h", "r"}


@pytest.mark.parametrize("text", ["v", "a, h", "a,l", "v,r", "a,h,l,r", "r,l,h,v"])
def test_rows_of_losses(text: str) -> None:
    assert read_losses(text) == {name.strip() for name in text.split(",")}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("losses=v,x",), "losses names 'x'"),
        (("losses=",), "losses names ''"),
        (("losses=v,a,h",), "either v or a"),
        (("losses=h,l",), "either v or a"),
        (("losses=v,h,h",), "each term once"),
        (("losses=a,r",), r"the adaptive weight \(a\) comes from the discriminators"),
        (("losses=a,l", "label_align=off"), "no discriminator is left"),
        (("network=vgg19",), "choose one of resnet18"),
        (("network=resnt34",), "did you mean 'resnet34'"),
        (("image_size=36", "load_size=36"), "32 pixels or more, a multiple of 8; give 40"),
        (("image_size=16",), "give 32"),
        (("load_size=24",), "cut out of it; give 32 or more"),
        (("batch_size=2", "accumulate=2"), "batch norm needs two faces"),
        ((*DIFFERING, "label_align=identity"), r"classes of the two domains differ \(anger, fear, neutral\)"),
        (("classes=anger,fear", "thermal_classes=fear,neutral"), "share 1 of their classes"),
        ((*DIFFERING, "paired=wang", "unpaired_unit=off"), "compares predictions class by class"),
        (("paired=wang",), "leaves no pair to learn from; set unpaired_unit=off"),
        (("thermal_modality=visible",), "both domains are the same visible faces"),
        (("stage1_epochs=0", "stage2_epochs=0"), "nothing is trained"),
        (("stage1_epochs=0",), "the thermal network is never trained"),
        (("thermal_classes=fear",), "two or more labels"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(*overrides)
