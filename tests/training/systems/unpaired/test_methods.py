"""What a paper's section on methods says of unpaired recognition."""

from __future__ import annotations

from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.unpaired import ENTRY
from fertools.training.systems.unpaired.recipe import UnpairedRecipe


def describe(*overrides: str) -> str:
    record = resolve_recipe("unpaired", UnpairedRecipe, "paper", overrides).record()
    return " ".join(ENTRY.describe("unpaired/paper", {"recipe": record, "iterations": 12_000}).sentences)


def test_it_says_what_guides_what_and_by_which_losses() -> None:
    text = describe()
    for words in (
        "unpaired/paper follows Xia and Wang (2020): a resnet34",
        "visible faces of 224 × 224 pixels is guided in training by one on thermal faces",
        "tested on visible faces alone. Visible and thermal training faces were of different moments.",
        "by themselves for 60 epochs, beginning the visible network with resnet34-imagenet",
        "the thermal network was kept fixed for 60 epochs",
        "weighted by the entropy of the discriminators, an adversarial loss on features",
        "learning rate of 0.002, falling to zero along a cosine in each stage",
    ):
        assert words in text, words


def test_it_says_where_a_run_differs() -> None:
    text = describe(
        "paired=pan", "unpaired_unit=off", "thermal=joint", "visible_start=", "thermal_start=", "losses=v,r"
    )
    for words in ("trained on for 60 epochs", "squared distance of both predictions", "from random weights"):
        assert words in text, words
    assert "different" not in text
    assert "reconstruction" not in text, "a paired baseline has its own losses"
