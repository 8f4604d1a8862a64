"""What a run will be, settled before anything starts: system, preset, every value, and the device.

Nothing here imports torch until all that can be wrong with the recipe has been looked at, so that a slip of the pen is
answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fertools.core.device import choose_device
from fertools.training.recipes.recipe import Recipe, Resolved
from fertools.training.recipes.resolve import Overrides, check_overrides, describe_presets, resolve_recipe
from fertools.training.systems.registry import find_system

GPU_PRESET, CPU_PRESET = "recommended", "cpu"
"""What is taken where no preset is named, by the device; the first, where a system has no second."""


@dataclass(frozen=True)
class RunConfiguration:
    """A recipe and where it will run.

    Attributes:
        resolved: the recipe, every key with its value.
        device: torch's name of the device.
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
    """Return what a run of `system` will be.

    Args:
        system: what to train, such as `stargan`.
        preset: of the system's recipe; None for one that suits the device.
        overrides: values by key, or `key=value` each; later ones win.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        workspace: root folder whose own recipe is laid over the shipped one.

    Raises:
        RecipeError: an unknown system, preset or key, or a value out of range.
        DeviceError: the device is unknown or not there.

    Example:
        >>> configure_run("stargan", preset="paper", device="cpu").resolved.recipe.batch_size
        16
    """
    kind: type[Recipe] = find_system(system).recipe_class()
    check_overrides(kind, overrides)
    resolved = resolve_recipe(system, kind, preset, overrides, workspace) if preset is not None else None
    name = choose_device(device)
    if resolved is None:
        small = name == "cpu" and CPU_PRESET in describe_presets(system, workspace)
        chosen = CPU_PRESET if small else GPU_PRESET
        resolved = resolve_recipe(system, kind, chosen, overrides, workspace)
    return RunConfiguration(resolved, name)
