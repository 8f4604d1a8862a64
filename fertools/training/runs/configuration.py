"""The configuration of a run: its recipe and its device, checked before anything starts.

torch is imported only after the recipe was checked, so that a typing error is reported at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fertools.core.device import choose_device
from fertools.training.recipes.recipe import Recipe, Resolved
from fertools.training.recipes.resolve import Overrides, check_overrides, describe_presets, resolve_recipe
from fertools.training.systems.registry import find_system

GPU_PRESET, CPU_PRESET = "recommended", "cpu"
"""Default presets by device; a system without the second uses the first."""


@dataclass(frozen=True)
class RunConfiguration:
    """A recipe and its device.

    Attributes:
        resolved: the recipe with a value for every key.
        device: name of the device for torch.
    """

    resolved: Resolved[Recipe]
    device: str


def configure_run(
    system: str,
    *,
    preset: str | None = None,
    overrides: Overrides = (),
    device: str = "auto",
    workspace: Path | None = None,
) -> RunConfiguration:
    """Return the configuration of a run of `system`.

    Args:
        system: system to train, such as `stargan`.
        preset: preset of the recipe; None for the default of the device.
        overrides: values by key, or texts `key=value`; later ones win.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        workspace: root folder whose own recipe is merged over the shipped one.

    Raises:
        RecipeError: the system, the preset or a key is unknown, or a value is out of range.
        DeviceError: the device is unknown or not available.

    Example:
        >>> configure_run("stargan", preset="paper", device="cpu").resolved.recipe.batch_size
        16
    """
    kind: type[Recipe] = find_system(system).recipe_class()
    check_overrides(kind, overrides)
    resolved = resolve_recipe(system, kind, preset, overrides, workspace) if preset is not None else None
    name = choose_device(device)
    if resolved is None:
        chosen = default_preset(describe_presets(system, workspace), name)
        resolved = resolve_recipe(system, kind, chosen, overrides, workspace)
    return RunConfiguration(resolved, name)


def default_preset(presets: Collection[str], device: str) -> str:
    """Return the preset that suits a device.

    Args:
        presets: names of the presets of a system.
        device: name of the device for torch.

    Example:
        >>> default_preset(["paper", "recommended", "cpu"], "cpu")
        'cpu'
    """
    return CPU_PRESET if device == "cpu" and CPU_PRESET in presets else GPU_PRESET
