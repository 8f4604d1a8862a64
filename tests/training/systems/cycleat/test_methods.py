"""What a paper's section on methods says of a CycleAT."""

from __future__ import annotations

from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.cycleat import ENTRY
from fertools.training.systems.cycleat.recipe import CycleatRecipe
from fertools.training.systems.entry import MethodsText


def describe(*overrides: str, preset: str = "paper") -> MethodsText:
    record = resolve_recipe("cycleat", CycleatRecipe, preset, overrides).record()
    return ENTRY.describe("cycleat/paper", {"recipe": record, "iterations": 200_000})


def words(*overrides: str, preset: str = "paper") -> str:
    return " ".join(describe(*overrides, preset=preset).sentences)


def test_it_tells_of_both_stages() -> None:
    for part in (
        "cycleat/paper is a CycleAT (Zhang et al., 2018)",
        "at 256 × 256 pixels, for 200,000 iterations of 1 face of each domain. Source faces were those of the dataset "
        "laboratory, target faces those of web.",
        "a cycle loss of weight 1, an identity loss of weight 0",
        "Its classifier, a resnet50, began with random weights and was then trained together with the generators for "
        "100,000 iterations, on 16 translated source faces each",
        "the attention maps (Zagoruyko and Komodakis, 2017) of the classifier classifier/laboratory on the source "
        "faces, with a weight of 0.1 in the form literal",
    ):
        assert part in words(), part
    assert [reference.split(",")[0] for reference in describe().references] == ["Zhang", "Zagoruyko", "Zhu"]


def test_it_names_the_guard_and_what_the_classifier_began_with() -> None:
    text = words(preset="recommended")
    assert "began with the weights of the classifier classifier/laboratory" in text
    assert "was above 1, as in CyCADA (Hoffman et al., 2018)" in text
    assert "guard" not in words()
    assert "CyCADA" not in words()


def test_it_leaves_out_what_had_no_part() -> None:
    alone = words("stage2_trains=classifier", "beta=0", "guard=1")
    assert "for 100,000 iterations of 1 face of each domain" in alone
    assert "trained by itself for 100,000 iterations" in alone
    assert "attention" not in alone
    assert "CyCADA" not in alone
    assert words("stage2_iterations=0").endswith("Its classifier was not trained.")
    assert "a cycle loss of weight 196608" in words("reduction=sum").replace(",", "") or "196608" in words(
        "reduction=sum"
    )


def test_it_says_of_a_random_teacher_that_it_has_learned_nothing() -> None:
    assert "a network with random weights, which has learned nothing" in words(preset="smoke")
