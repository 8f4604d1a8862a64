"""Recipes: values with their origins, overrides, and errors."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from fertools.core.errors import RecipeError
from fertools.training.recipes.recipe import ORIGINS, Resolved
from fertools.training.recipes.resolve import check_overrides, describe_presets, resolve_recipe
from fertools.training.systems.registry import find_system, registered_systems
from fertools.training.systems.stargan.recipe import StarganRecipe


def resolve(preset: str = "paper", *overrides: str, workspace: Path | None = None) -> Resolved[StarganRecipe]:
    return resolve_recipe("stargan", StarganRecipe, preset, overrides, workspace)


def test_paper_preset_is_the_paper() -> None:
    recipe = resolve().recipe
    assert (recipe.image_size, recipe.batch_size, recipe.iterations, recipe.n_critic) == (64, 16, 20_000, 5)
    assert (recipe.lambda_cls, recipe.lambda_rec, recipe.lambda_gp) == (1, 10, 10)
    assert (recipe.beta1, recipe.beta2, recipe.lr, recipe.lr_schedule) == (0.5, 0.999, 1e-4, "constant")
    assert (recipe.condition, recipe.conditioning, recipe.gp, recipe.ema) == ("class7", "concat", "wgan-gp", 0)


def test_there_are_the_presets_that_people_are_told_of() -> None:
    assert list(describe_presets("stargan")) == ["paper", "paper-128", "recommended", "cpu", "smoke"]


@pytest.mark.parametrize("preset", describe_presets("stargan"))
def test_every_key_of_every_preset_has_value_origin_and_note(preset: str) -> None:
    record = resolve(preset).record()
    assert sorted(record) == sorted(field.name for field in dataclasses.fields(StarganRecipe))
    for name, entry in record.items():
        assert entry["origin"] in ORIGINS, name
        assert entry["note"], name


def test_origin_follows_the_value() -> None:
    assert resolve("paper").origins["image_size"].tag == "P"
    assert resolve("paper-128").origins["image_size"].tag == "R"
    assert resolve("recommended").origins["ema"].tag == "ours"
    assert resolve("recommended").origins["conditioning"].tag == "ours"
    assert resolve("paper", "lr=2e-4").origins["lr"].tag == "set"
    assert resolve("paper", "lr=1e-4").origins["lr"].tag == "R", "setting what it is changes nothing"


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("lr=2e-4", "lr", 2e-4),
        ("lambda_rec=0", "lambda_rec", 0.0),
        ("flip=false", "flip", False),
        ("gp = r1", "gp", "r1"),
        ('condition="class7+va2"', "condition", "class7+va2"),
        ("condition=class7+va2", "condition", "class7+va2"),
        ("iterations=1_000", "iterations", 1000),
    ],
)
def test_overrides_are_read_by_type(override: str, name: str, value: object) -> None:
    found = getattr(resolve("paper", override).recipe, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lamda_gp=1", "did you mean 'lambda_gp'"),
        ("lr", "has no '='"),
        ("lr=fast", "give a number"),
        ("lr=nan", "lr in `overrides` is nan"),
        ("lr=-1", "give from 0 to 1"),
        ("lambda_gp=inf", "lambda_gp in `overrides` is inf"),
        ("iterations=2.5", "give a whole number"),
        ("iterations=true", "give a whole number"),
        ("iterations=0", "give 1 or more"),
        ("flip=1", "write true or false"),
        ("gp=wgan", "did you mean 'wgan-gp'"),
        ("image_size=100", "give 128"),
        ("image_size=20", "give 64"),
    ],
)
def test_bad_overrides_are_refused_in_one_line(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        resolve("paper", override)
    assert "\n" not in str(caught.value)


def test_overrides_are_checked_without_a_preset() -> None:
    check_overrides(StarganRecipe, ["lr=2e-4", "gp=r1"])
    with pytest.raises(RecipeError, match="did you mean 'lambda_gp'"):
        check_overrides(StarganRecipe, ["lamda_gp=1"])


def test_every_preset_says_what_it_is_for(tmp_path: Path) -> None:
    assert all(describe_presets("stargan").values())
    own = write_own(tmp_path, "[presets.mine]\nabout = 'for us'\n\n[presets.smoke]\nlr = 1e-3\n")
    assert describe_presets("stargan", own)["mine"] == "for us"
    assert describe_presets("stargan", own)["smoke"] == describe_presets("stargan")["smoke"]
    assert resolve("mine", workspace=own).recipe == resolve("paper").recipe


def test_unknown_preset_and_system_name_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"did you mean 'paper'.*there are paper, paper-128"):
        resolve("papr")
    with pytest.raises(RecipeError, match="no system 'stargun', did you mean 'stargan'"):
        find_system("stargun")


def test_registry_leads_to_classes() -> None:
    for entry in registered_systems().values():
        assert entry.recipe_class().__name__ == entry.recipe.partition(":")[2]
        assert entry.system_class().__name__ == entry.system.partition(":")[2]


def write_own(workspace: Path, text: str) -> Path:
    path = workspace / "training" / "stargan.toml"
    path.parent.mkdir()
    path.write_text(text)
    return workspace


def test_the_workspace_recipe_is_laid_over_the_shipped_one(tmp_path: Path) -> None:
    own = write_own(tmp_path, "[keys]\nlambda_rec = 5\n\n[presets.mine]\nlr = 3e-4\n\n[presets.cpu]\nbatch_size = 2\n")
    resolved = resolve("mine", workspace=own)
    assert (resolved.recipe.lambda_rec, resolved.recipe.lr, resolved.recipe.n_critic) == (5, 3e-4, 5)
    assert resolved.origins["lambda_rec"].tag == "set"
    assert resolved.origins["lambda_rec"].note == resolve().origins["lambda_rec"].note
    cpu = resolve("cpu", workspace=own).recipe
    assert (cpu.batch_size, cpu.conv_dim) == (2, resolve("cpu").recipe.conv_dim)
    assert "mine" in describe_presets("stargan", own)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[key]\nlr = 1", "did you mean 'keys'"),
        ("[keys]\nlearning_rate = 1", "not a known key"),
        ("keys = 3", "write a table"),
        ("[keys]\nlr = { valeu = 1 }", "did you mean 'value'"),
        ("[keys]\nlr = { note = 'x' }", "has no value"),
        ("[keys]\nlr = { value = 0.1, origin = 'Q' }", "origin 'Q'"),
    ],
)
def test_bad_recipe_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve(workspace=write_own(tmp_path, text))


def test_recipes_and_names_need_no_torch() -> None:
    code = (
        "import sys; from fertools.training.recipes.resolve import resolve_recipe;"
        "from fertools.training.systems.registry import *;"
        "resolve_recipe('stargan', find_system('stargan').recipe_class(), 'smoke'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
