"""`list_systems`: all systems, the data and weights that each needs, and what its runs have taken here."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from fertools.core import calls, package_data
from fertools.core.arguments import argument
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.notebook import html_table
from fertools.core.progress import describe_duration
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.training.data.readiness import DataState, Gap, find_data, read_kept
from fertools.training.networks.published_weights import entry_name, find_weights, how_to_get, list_weights
from fertools.training.recipes.recipe import EngineRecipe, Recipe, TranslatingRecipe
from fertools.training.recipes.resolve import Overrides, describe_presets, resolve_recipe
from fertools.training.runs.configuration import default_preset
from fertools.training.runs.folder import RunFolder
from fertools.training.systems.registry import find_system, registered_systems

_JUDGE = "judge"
NOTHING = "-"
"""What tables show where nothing was measured."""


@dataclass(frozen=True)
class WeightsState:
    """Weights that a preset needs before training.

    Attributes:
        network: name of the network in the system, or `judge` for the classifier that selects the checkpoint.
        wanted: name of the weights in the recipe: published weights, a path, or a run.
        path: path of the file; None if it is missing.
        remedy: how to get it; empty if it is there.
    """

    network: str
    wanted: str
    path: Path | None
    remedy: str


@dataclass(frozen=True)
class Measured:
    """The time and memory of a finished run.

    Attributes:
        run: name of the run.
        preset: name of its preset.
        changed: keys of the recipe that this run has set.
        seconds: time in training, over all sessions.
        memory_gb: peak memory of the GPU, or of the process on a CPU; None if it was not recorded.
        device: product name of the device.
    """

    run: str
    preset: str
    changed: tuple[str, ...]
    seconds: float
    memory_gb: float | None
    device: str


@dataclass(frozen=True)
class SystemState:
    """A system, and what a workspace has for it.

    Attributes:
        name: name of the system, as `train` takes it.
        title: its name in prose.
        source: the paper it reproduces.
        presets: what each preset is for, by name.
        preset: the preset that the rest describes; empty if the system has no recipe.
        data: the data that the preset needs; None without a recipe.
        weights: the weights that the preset needs.
        measured: time and memory of the newest finished run, one of this preset if there is one; None without runs.
    """

    name: str
    title: str
    source: str
    presets: Mapping[str, str]
    preset: str
    data: DataState | None
    weights: tuple[WeightsState, ...]
    measured: Measured | None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is missing before this preset can be trained, with what to do; empty if it is ready."""
        if self.data is None:
            return (Gap("no recipe", f"write training/{self.name}.toml in the workspace"),)
        absent = (Gap(f"no weights {entry.wanted}", entry.remedy) for entry in self.weights if entry.path is None)
        return tuple(dict.fromkeys((*self.data.gaps, *absent)))

    @property
    def ready(self) -> bool:
        """Whether the data and the weights of this preset are there."""
        return not self.gaps


@dataclass(frozen=True)
class SystemList(Sequence[SystemState]):
    """All systems, ours first; `systems["stargan"]` and `systems[0]` give one.

    Attributes:
        systems: the systems in order.
    """

    systems: tuple[SystemState, ...]

    @overload
    def __getitem__(self, key: int | str) -> SystemState: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[SystemState, ...]: ...
    def __getitem__(self, key: int | str | slice) -> SystemState | tuple[SystemState, ...]:
        if not isinstance(key, str):
            return self.systems[key]
        found = {system.name: system for system in self.systems}
        if key not in found:
            raise InputError(f"there is no system '{key}' in this list; it has {', '.join(found)}")
        return found[key]

    def __len__(self) -> int:
        return len(self.systems)

    def __iter__(self) -> Iterator[SystemState]:
        return iter(self.systems)

    def _repr_html_(self) -> str:
        rows = [
            (
                system.name,
                system.source,
                system.preset,
                describe_data(system.data),
                describe_weights(system.weights),
                describe_time(system.measured),
                describe_memory(system.measured),
            )
            for system in self.systems
        ]
        return html_table("systems", ("system", "paper", "preset", "data", "weights", "time", "memory"), rows)


def list_systems(
    workspace: WorkspaceLike = ".",
    *,
    system: str | None = None,
    preset: str | None = None,
    overrides: Overrides = (),
    device: str = "auto",
) -> SystemList:
    """Return all systems that can be trained, with what each needs and what the workspace has of it.

    Nothing is trained and no crop is read.

    Args:
        workspace: workspace with faces, weights and runs; it may be empty.
        system: the only system to return; None for all.
        preset: preset to describe; None, and for systems without it, the default of the device.
        overrides: changed values of the recipe, for a single system.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; it decides the default preset.

    Raises:
        RecipeError: the system or a key is unknown, a value is out of range, no system has the preset, or overrides
            are given for all systems.
        DeviceError: the device is unknown or not available.
        InputError: a run's record or a file of recipes is damaged.
        SchemaError: the manifest is damaged.

    Example:
        >>> systems = list_systems("my-dataset", device="cpu")
        >>> systems["classifier"].ready, systems["classifier"].data.domains[0].modality
        (True, 'visible')
    """
    workspace = Workspace(workspace)
    entries = registered_systems() if system is None else {system: find_system(system)}
    if overrides and system is None:
        raise InputError(f"{argument('overrides')} changes the recipe of one system; name the system, too")
    with_recipe = package_data.names("training", workspace.root)
    presets = {name: describe_presets(name, workspace.root) if name in with_recipe else {} for name in entries}
    if preset is not None and (system is not None or not any(preset in names for names in presets.values())):
        # For one system, an unknown preset is refused as in training.
        name = system or next(iter(entries))
        resolve_recipe(name, entries[name].recipe_class(), preset, overrides, workspace.root)
    default_device = choose_device(device)
    kept = read_kept(workspace)
    found = []
    for name, entry in entries.items():
        chosen = preset if preset in presets[name] else default_preset(presets[name], default_device)
        chosen = chosen if chosen in presets[name] else next(iter(presets[name]), "")
        recipe = None
        if chosen:
            recipe = resolve_recipe(name, entry.recipe_class(), chosen, overrides, workspace.root).recipe
        found.append(
            SystemState(
                name,
                entry.title,
                entry.source,
                presets[name],
                chosen,
                None if recipe is None else find_data(workspace, kept, recipe),
                _find_weights(workspace, recipe),
                _find_measured(workspace, name, chosen),
            )
        )
    return SystemList(tuple(found))


def _find_weights(workspace: Workspace, recipe: Recipe | None) -> tuple[WeightsState, ...]:
    wanted = dict(recipe.starting_weights) if isinstance(recipe, EngineRecipe) else {}
    if isinstance(recipe, TranslatingRecipe) and recipe.judge:
        wanted[_JUDGE] = recipe.judge
    return tuple(_look_for(workspace, network, name) for network, name in wanted.items())


def _look_for(workspace: Workspace, network: str, wanted: str) -> WeightsState:
    models = sorted(RunFolder(workspace.root / "training" / wanted.removeprefix("training/")).models.glob("*"))
    if network == _JUDGE and models:
        return WeightsState(network, wanted, models[0], "")
    try:
        return WeightsState(network, wanted, find_weights(wanted, workspace, verify=False), "")
    except InputError:
        published = {entry.name: entry for entry in list_weights(workspace)}
        system, _, run = wanted.removeprefix("training/").partition("/")
        remedy = f"put the file at {workspace.root / wanted}"
        if (entry := published.get(entry_name(wanted))) is not None:
            remedy = f"{how_to_get(entry, workspace)} (licence: {entry.licence})"
        elif run and "/" not in run and system in registered_systems():
            remedy = calls.train(system, run)
        return WeightsState(network, wanted, None, remedy)


def _find_measured(workspace: Workspace, system: str, preset: str) -> Measured | None:
    """Return what the newest finished run has taken; runs of the preset come before others."""
    finished = []
    for path in workspace.runs(system).glob("*/run.json"):
        # A damaged record is no reason to list nothing; commands that need the run refuse it.
        with contextlib.suppress(InputError):
            record = RunFolder(path.parent).read()
            if record is not None and record["finished"] and record["sessions"]:
                last = record["sessions"][-1]
                finished.append((record["preset"] == preset, str(last.get("began", "")), path.parent.name, record))
    if not finished:
        return None
    *_, name, record = max(finished, key=lambda entry: entry[:3])
    return Measured(
        run=name,
        preset=record["preset"],
        changed=tuple(key for key, entry in record["recipe"].items() if entry["origin"] == "set"),
        seconds=sum(float(session.get("seconds", 0.0)) for session in record["sessions"]),
        memory_gb=_peak_gb(RunFolder(workspace.runs(system) / name), record["sessions"]),
        device=str(record["sessions"][-1].get("device_name", "")),
    )


def _peak_gb(folder: RunFolder, sessions: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the peak memory that a run has logged, or that its sessions record."""
    found = [float(session["memory_gb"]) for session in sessions if "memory_gb" in session]
    # A run without the table, or with one of another version, was not measured.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        lines = folder.speed_path.read_text(encoding="utf-8").splitlines()
        found += [float(json.loads(line)["memory_gb"]) for line in lines]
    return max(found, default=None)


def describe_data(data: DataState | None) -> str:
    """Return in words whether the data are there."""
    if data is None:
        return "no recipe"
    return "ready" if data.ready else "; ".join(gap.missing for gap in data.gaps)


def describe_weights(weights: Sequence[WeightsState]) -> str:
    """Return in words whether the weights are there."""
    if not weights:
        return "none needed"
    absent = [entry.wanted for entry in weights if entry.path is None]
    return f"missing: {', '.join(dict.fromkeys(absent))}" if absent else "ready"


def describe_time(measured: Measured | None) -> str:
    """Return the time of a run as text."""
    return NOTHING if measured is None else describe_duration(measured.seconds)


def describe_memory(measured: Measured | None) -> str:
    """Return the peak memory of a run as text."""
    return NOTHING if measured is None or measured.memory_gb is None else f"{measured.memory_gb:.1f} GB"
