"""What a paper's section on methods says of an ET-CycleGAN."""

from __future__ import annotations

from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.entry import MethodsText
from fertools.training.systems.et_cyclegan import ENTRY
from fertools.training.systems.et_cyclegan.recipe import EtCycleganRecipe


def describe(*overrides: str, preset: str = "paper") -> MethodsText:
    record = resolve_recipe("et-cyclegan", EtCycleganRecipe, preset, overrides).record()
    return ENTRY.describe("et-cyclegan/paper", {"recipe": record, "iterations": 83_000})


def test_it_names_the_networks_whose_features_were_compared() -> None:
    text = describe()
    words = " ".join(text.sentences)
    for part in (
        "et-cyclegan/paper is an ET-CycleGAN (Pons et al., 2020)",
        "pairs of the same moment",
        "a cycle loss of weight 10, an identity loss of weight 5",
        "of weight 1, compared five layers of vgg19-imagenet, equally weighted, with the weights vgg19-imagenet",
        "of weight 1, compared the logits of a classifier with the weights classifier/thermal",
    ):
        assert part in words, part
    assert [reference.split(",")[0] for reference in text.references] == ["Pons", "Zhu", "Mao"]


def test_it_says_of_random_networks_that_they_mean_nothing() -> None:
    words = " ".join(describe(preset="smoke").sentences)
    assert words.count("random weights, which have learned nothing") == 2


def test_it_leaves_out_what_had_no_part() -> None:
    words = " ".join(describe("pairing=label", "weights=literal").sentences)
    assert "features of the face" not in words
    assert "a cycle loss of weight 1, an identity loss of weight 1" in words
    assert "No features were compared." in describe("lambda_face=0", "lambda_emotion=0").sentences
    assert "with the features of its reconstruction" in " ".join(describe("pairing=cycle").sentences)
