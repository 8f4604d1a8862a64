"""What a paper's section on methods says of a classifier."""

from __future__ import annotations

from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.classifier import ENTRY
from fertools.training.systems.classifier.recipe import ClassifierRecipe
from fertools.training.systems.entry import MethodsText


def describe(*overrides: str) -> MethodsText:
    return ENTRY.describe("it", {"recipe": resolve_recipe("classifier", ClassifierRecipe, "paper", overrides).record()})


def test_a_teacher_and_ten_crops_are_named_and_cited() -> None:
    plain, text = describe(), describe("teacher=classifier/source", "test_crops=ten")
    assert tuple(sentence for sentence in text.sentences if sentence not in plain.sentences) == (
        "It also learned the attention maps of the network classifier/source (Zagoruyko and Komodakis, 2017), with a "
        "weight of 0.1 in the form literal.",
        "Its predictions are means over ten crops of each face.",
    )
    assert [reference.split(",")[0] for reference in text.references] == ["He", "Zagoruyko"]


def test_weights_without_training_are_said_to_be_so() -> None:
    (sentence,) = describe("epochs=0", "pretrained=classifier/source").sentences
    assert sentence == "it is resnet50 with the weights classifier/source, which were not trained further."
