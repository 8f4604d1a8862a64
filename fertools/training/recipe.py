"""Recipes: how a system is trained, as text, with where each number comes from beside it.

A recipe file has a table `keys`, one line per key with its value, its origin and a note, and named presets that
change some of them. A workspace's own file of the same name is laid over the one that ships: its keys and presets win,
and what it leaves out stays.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from fertools.core import knowledge
from fertools.core.errors import RecipeError

ORIGINS = {
    "P": "the paper states it",
    "R": "the paper is silent; the public reference implementation does this",
    "C": "our choice; neither the paper nor a reference decides",
    "X": "the paper contradicts itself or cannot be right as printed; the note says how",
    "ours": "not the paper's: changed by this preset, or a matter of the engine alone",
    "set": "changed by the workspace's own recipe or on the command line",
}
"""What each origin tag means."""


def bounded(least: float | None = None, most: float | None = None) -> Any:
    """Return a dataclass field for a number from `least` to `most`, both allowed."""
    return field(metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every system's recipe has; the meaning of each key is its note in the file.

    Raises:
        RecipeError: keys that do not go together.
    """

    image_size: int = bounded(4, 1024)
    iterations: int = bounded(1)
    batch_size: int = bounded(2)
    lr: float = bounded(0, 1)
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)
    lr_schedule: Literal["constant", "linear"]
    flip: bool
    modality: Literal["visible", "thermal", "nir", "animated"]
    test_fold: int = bounded(0)
    precision: Literal["float32", "bf16"]
    ema: float = bounded(0, 0.999999)
    seed: int = bounded(0, 2**63 - 1)
    log_every: int = bounded(1)
    sample_every: int = bounded(1)
    sample_faces: int = bounded(1, 64)
    checkpoint_every: int = bounded(1)
    keep_checkpoints: int = bounded(1)
    translate_faces: int = bounded(0)

    @property
    def needs_emotion(self) -> bool:
        """Whether a face without one of the seven expressions is of no use."""
        return True

    @property
    def needs_va(self) -> bool:
        """Whether a face without valence and arousal is of no use."""
        return False


R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        tag: a key of ORIGINS.
        note: one line on what the key means or why it has this value.
    """

    tag: str
    note: str


@dataclass(frozen=True)
class Resolved(Generic[R]):
    """A recipe whose every key has its value.

    Attributes:
        system: name of the system.
        preset: name of the preset.
        recipe: the values.
        origins: where each comes from, by key.
    """

    system: str
    preset: str
    recipe: R
    origins: Mapping[str, Origin]

    def record(self) -> dict[str, dict[str, Any]]:
        """Return value, origin and note of every key, for `run.json`."""
        return {
            name: {"value": value, "origin": self.origins[name].tag, "note": self.origins[name].note}
            for name, value in dataclasses.asdict(self.recipe).items()
        }


def resolve_recipe(
    system: str, kind: type[R], preset: str, overrides: Iterable[str] = (), workspace: Path | None = None
) -> Resolved[R]:
    """Return the recipe of `training/<system>.toml` with a preset and overrides applied.

    Args:
        system: name of the file.
        kind: the system's recipe class.
        preset: one of the file's presets.
        overrides: `key=value` each, as given to `--set`; later ones win.
        workspace: root folder whose own `training/<system>.toml` is laid over the shipped one.

    Raises:
        RecipeError: an unknown preset or key (the nearest is named), a value of the wrong type or out of range, a
            key without a value.
    """
    layers = _layers(system, workspace)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for number, (path, content) in enumerate(layers):
        _refuse_unknown(content, ("keys", "presets"), f"table in {path}")
        for name, entry in _table(content, "keys", path).items():
            _take(name, entry, kind, values, origins, where=str(path), default="ours" if number == 0 else "set")
    _take_preset(layers, preset, kind, values, origins)
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise RecipeError(f"--set {override} has no '='; give key=value, such as lr=1e-4")
        _take(name.strip(), _parse(text.strip()), kind, values, origins, where="--set", default="set")
    if missing := [item.name for item in dataclasses.fields(kind) if item.name not in values]:
        raise RecipeError(f"{layers[-1][0]} gives no value for {missing[0]}; add it under [keys]")
    return Resolved(system, preset, kind(**values), origins)


def preset_names(system: str, workspace: Path | None = None) -> list[str]:
    """Return the names of a system's presets in the order they are written."""
    return list(dict.fromkeys(name for path, content in _layers(system, workspace) for name in _presets(content, path)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'` for the known word that is most like `word`, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'" if near else ""


def _layers(system: str, workspace: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Return path and content of the shipped file and then of the workspace's own, those that there are."""
    paths = [knowledge.shipped_folder("training") / f"{system}.toml"]
    if (winning := knowledge.find("training", system, workspace)) not in paths:
        paths.append(winning)
    return [(path, knowledge.read_toml(path)) for path in paths if path.is_file()]


def _presets(content: dict[str, Any], path: Path) -> dict[str, Any]:
    return _table(content, "presets", path)


def _table(content: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise RecipeError(f"{name} in {path} is not a table; write it as [{name}]")
    return table


def _take_preset(
    layers: list[tuple[Path, dict[str, Any]]],
    preset: str,
    kind: type[R],
    values: dict[str, Any],
    origins: dict[str, Origin],
) -> None:
    found = False
    for number, (path, content) in enumerate(layers):
        presets = _presets(content, path)
        if preset in presets:
            found = True
            for name, entry in _table(presets, preset, path).items():
                where = f"[presets.{preset}] in {path}"
                _take(name, entry, kind, values, origins, where=where, default="ours" if number == 0 else "set")
    if not found:
        known = list(dict.fromkeys(name for path, content in layers for name in _presets(content, path)))
        raise RecipeError(f"there is no preset '{preset}'{nearest(preset, known)}; there are {', '.join(known)}")


def _take(
    name: str,
    entry: Any,
    kind: type[R],
    values: dict[str, Any],
    origins: dict[str, Origin],
    *,
    where: str,
    default: str,
) -> None:
    """Put one entry, a bare value or a table of value, origin and note, in its place."""
    hints = get_type_hints(kind)
    _refuse_unknown([name], hints, f"key in {where}")
    detailed = isinstance(entry, dict)
    if detailed:
        _refuse_unknown(entry, ("value", "origin", "note"), f"field of {name} in {where}")
        if "value" not in entry:
            raise RecipeError(f"{name} in {where} has no value; write {name} = {{ value = ... }}")
    value = _checked(name, entry["value"] if detailed else entry, hints[name], kind, where)
    old = origins.get(name)
    tag = entry.get("origin", default) if detailed else default
    if tag not in ORIGINS:
        raise RecipeError(f"{name} in {where} has the origin '{tag}'; choose one of {', '.join(ORIGINS)}")
    if name in values and values[name] == value and not detailed and old is not None:
        return
    values[name] = value
    origins[name] = Origin(tag, entry.get("note", "") if detailed else (old.note if old else ""))


def _refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise RecipeError(f"'{name}' is not a known {what}{nearest(name, known)}; known: {', '.join(known)}")


def _parse(text: str) -> Any:
    """Return the value that `text` writes as TOML, or `text` itself where it is a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(name: str, value: Any, hint: Any, kind: type[R], where: str) -> Any:
    """Return `value` as the type that the key has; raise if it is of another type or out of range."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = [str(choice) for choice in get_args(hint)]
            raise RecipeError(
                f"{name} in {where} is '{value}'{nearest(str(value), choices)}; choose one of {', '.join(choices)}"
            )
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise RecipeError(f"{name} in {where} is {value!r}; write true or false")
        return value
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        kinds = {int: "a whole number", float: "a number", str: "text"}
        raise RecipeError(f"{name} in {where} is {value!r}; give {kinds[hint]}")
    limits = next(item.metadata for item in dataclasses.fields(kind) if item.name == name)
    least, most = limits.get("least"), limits.get("most")
    # Written so that NaN, which compares false to everything, is refused.
    if not ((least is None or value >= least) and (most is None or value <= most) and value - value == 0):
        span = f"from {least} to {most}" if most is not None else f"{least} or more"
        raise RecipeError(f"{name} in {where} is {value}; give {span}")
    return value
