"""What a run will be: the preset suits the device, and mistakes come first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fertools.core.errors import DeviceError, RecipeError
from fertools.training.runs import configuration
from fertools.training.runs.configuration import configure_run


@pytest.mark.parametrize(("device", "preset"), [("cpu", "cpu"), ("cuda", "recommended"), ("mps", "recommended")])
def test_the_preset_suits_the_device(monkeypatch: pytest.MonkeyPatch, device: str, preset: str) -> None:
    monkeypatch.setattr(configuration, "choose_device", lambda wanted: device)
    chosen = configure_run("stargan", overrides=["seed=3"])
    assert (chosen.resolved.preset, chosen.device, chosen.resolved.recipe.seed) == (preset, device, 3)
    assert configure_run("stargan", preset="paper").resolved.preset == "paper"


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="tpu"):
        configure_run("stargan", device="tpu")


@pytest.mark.parametrize(
    "arguments",
    [
        "'stargun'",
        "'stargan', preset='papper'",
        "'stargan', overrides=['lambda_rek=1']",
        "'stargan', preset='paper', overrides=['image_size=100']",
    ],
)
def test_mistakes_are_answered_without_torch(arguments: str) -> None:
    code = (
        "import sys\nfrom fertools.training.runs.configuration import choose_recipe\n"
        "from fertools.core.errors import RecipeError\n"
        f"try:\n    choose_recipe({arguments})\nexcept RecipeError:\n    sys.exit('torch' in sys.modules)\n"
        "sys.exit('no error')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_overrides_are_looked_at_before_the_device() -> None:
    with pytest.raises(RecipeError, match="did you mean 'lr'"):
        configure_run("stargan", overrides=["lrr=1"], device="tpu")
