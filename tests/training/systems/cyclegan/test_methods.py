"""What a paper's section on methods says of a CycleGAN."""

from __future__ import annotations

from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.cyclegan import ENTRY
from fertools.training.systems.cyclegan.recipe import CycleganRecipe
from fertools.training.systems.entry import MethodsText


def describe(*overrides: str) -> MethodsText:
    record = resolve_recipe("cyclegan", CycleganRecipe, "paper", overrides).record()
    return ENTRY.describe("cyclegan/paper", {"recipe": record, "iterations": 12_000})


def test_it_names_the_domains_the_length_the_losses_and_the_schedule() -> None:
    text = " ".join(describe().sentences)
    for words in (
        "cyclegan/paper is a CycleGAN",
        "visible faces to thermal faces and back, at 256 × 256 pixels",
        "200 epochs (12,000 iterations of 1 face of each domain)",
        "9 residual blocks",
        "least-squares adversarial loss (Mao et al., 2017), a cycle loss of weight 10, an identity loss of weight 5",
        "a pool of 50 generated faces",
        "learning rate of 0.0002, falling in equal steps over the last 100 epochs",
    ):
        assert words in text, words


def test_it_cites_only_what_the_run_used() -> None:
    assert [reference.split(",")[0] for reference in describe().references] == ["Zhu", "Mao"]
    assert [reference.split(",")[0] for reference in describe("gan_mode=vanilla").references] == ["Zhu"]
    linear = describe("lr_schedule=linear", "gan_mode=vanilla", "batch_size=4", "pairing=label").sentences
    assert "falling linearly to zero over the second half" in " ".join(linear)
    assert "cross-entropy" in " ".join(linear)
    assert "4 faces of each domain" in " ".join(linear)
    assert "pairs of the same expression" in " ".join(linear)
