"""Read recipes: the shipped file, the workspace's own file, a preset, and overrides.

A recipe file has a table `keys` with one line per key: its value, its origin and a note. Named presets change some of
the keys; `about` in a preset says what it is for. A workspace's own file of the same name is merged over the shipped
one: its keys and presets win, and the others stay.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

from fertools.core import package_data
from fertools.core.arguments import argument
from fertools.core.errors import InputError, RecipeError, first_line
from fertools.core.spelling import nearest
from fertools.core.toml import shown, table_in
from fertools.training.recipes.recipe import ORIGINS, Origin, R, Recipe, Resolved
from fertools.training.recipes.values import check_value

Overrides: TypeAlias = Mapping[str, object] | Sequence[str]
"""Changed values of a recipe: values by key, or texts such as `lr=1e-4`, with the value in TOML."""
_ABOUT = "about"
"""The only entry of a preset that is not a key: what the preset is for."""


def resolve_recipe(
    system: str, kind: type[R], preset: str, overrides: Overrides = (), workspace: Path | None = None
) -> Resolved[R]:
    """Return the recipe of `training/<system>.toml` with a preset and overrides applied.

    Args:
        system: name of the file.
        kind: recipe class of the system.
        preset: name of a preset of the file.
        overrides: values by key, or texts `key=value`; later ones win.
        workspace: root folder whose own `training/<system>.toml` is merged over the shipped one.

    Raises:
        RecipeError: a preset or key is unknown, a value has the wrong type or is out of range, or a key has no value.
    """
    layers = _layers(system, workspace)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for number, (path, content) in enumerate(layers):
        _refuse_unknown(content, ("keys", "presets"), f"table in {path}")
        for name, entry in _table(content, "keys", path).items():
            _take(name, entry, kind, values, origins, where=str(path), default="ours" if number == 0 else "set")
    _take_preset(layers, preset, kind, values, origins)
    _take_overrides(overrides, kind, values, origins)
    if missing := [item.name for item in dataclasses.fields(kind) if item.name not in values]:
        raise RecipeError(f"{layers[-1][0]} gives no value for {missing[0]}; add it under [keys]")
    return Resolved(system, preset, kind(**values), origins)


def check_overrides(kind: type[R], overrides: Overrides) -> None:
    """Check overrides before the preset is known.

    Args:
        kind: recipe class of the system.
        overrides: values by key, or texts `key=value`.

    Raises:
        RecipeError: a key is unknown, or a value has the wrong type or is out of range.
    """
    _take_overrides(overrides, kind, {}, {})


def describe_presets(system: str, workspace: Path | None = None) -> dict[str, str]:
    """Return what each preset of a system is for, by name, in the order of the file.

    Args:
        system: name of the system.
        workspace: root folder whose own recipe is merged over the shipped one; None for the shipped one alone.
    """
    found: dict[str, str] = {}
    for path, content in _layers(system, workspace):
        for name, table in _presets(content, path).items():
            found[name] = str(table.get(_ABOUT, found.get(name, ""))) if isinstance(table, dict) else ""
    return found


def _layers(system: str, workspace: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Return path and content of the shipped file and then of the workspace's own file, if they exist."""
    paths = [package_data.shipped_folder("training") / f"{system}.toml"]
    if (winning := package_data.find("training", system, workspace)) not in paths:
        paths.append(winning)
    return [(path, package_data.read_toml(path)) for path in paths if path.is_file()]


def _presets(content: dict[str, Any], path: Path) -> dict[str, Any]:
    return _table(content, "presets", path)


def _table(content: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    try:
        return table_in(content, name, path)
    except InputError as error:
        raise RecipeError(error.message) from error


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
                if name == _ABOUT:
                    continue
                where = f"[presets.{preset}] in {path}"
                _take(name, entry, kind, values, origins, where=where, default="ours" if number == 0 else "set")
    if not found:
        known = list(dict.fromkeys(name for path, content in layers for name in _presets(content, path)))
        raise RecipeError(f"there is no preset '{preset}'{nearest(preset, known)}; there are {', '.join(known)}")


def _take_overrides(overrides: Overrides, kind: type[R], values: dict[str, Any], origins: dict[str, Origin]) -> None:
    if isinstance(overrides, Mapping):
        for name, value in overrides.items():
            _take(name, value, kind, values, origins, where="overrides", default="set")
        return
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise RecipeError(f"{argument('overrides')} {override} has no '='; give key=value, such as lr=1e-4")
        _take(name.strip(), _parse(text.strip()), kind, values, origins, where=argument("overrides"), default="set")


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
    """Store one entry: a bare value, or a table of value, origin and note."""
    hints = _hints(kind)
    _refuse_unknown([name], hints, f"key in {where}")
    detailed = isinstance(entry, dict)
    if detailed:
        _refuse_unknown(entry, ("value", "origin", "note"), f"field of {name} in {where}")
        if "value" not in entry:
            raise RecipeError(f"{name} in {where} has no value; write {name} = {{ value = ... }}")
    value = check_value(name, entry["value"] if detailed else entry, hints[name], kind, where)
    old = origins.get(name)
    tag = entry.get("origin", default) if detailed else default
    if not isinstance(tag, str) or tag not in ORIGINS:
        raise RecipeError(f"{name} in {where} has the origin {shown(tag)}; choose one of {', '.join(ORIGINS)}")
    if name in values and values[name] == value and not detailed and old is not None:
        return
    note = entry.get("note", "") if detailed else (old.note if old else "")
    if not isinstance(note, str):
        raise RecipeError(f"{name} in {where} has the note {shown(note)}; write a text")
    values[name] = value
    origins[name] = Origin(tag, note)


@cache
def _hints(kind: type[Recipe]) -> dict[str, Any]:
    """Return the type of each key of a recipe class. Python evaluates the hints at every call, so they are cached."""
    return get_type_hints(kind)


def _refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            # A list of thirty names would hide the near one.
            near = nearest(name, known) or f"; known: {', '.join(known)}"
            raise RecipeError(f"'{name}' is not a known {what}{near}")


def _parse(text: str) -> Any:
    """Return the TOML value of `text`, or `text` itself if it is a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        raise RecipeError(
            f"{argument('overrides')} cannot take {text[:40]}... ({first_line(error)}); give a shorter value"
        ) from error
