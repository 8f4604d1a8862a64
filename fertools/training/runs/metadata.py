"""What a run writes down about itself: the content of `run.json`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, cast

from fertools.training.data.faces import Faces, Side
from fertools.training.data.selection import Selection
from fertools.training.recipes.recipe import ORIGINS, EngineRecipe, Recipe, Resolved
from fertools.training.runs.provenance import code_state, device_name, versions
from fertools.training.systems.registry import find_system

Record = dict[str, Any]
"""The content of `run.json`."""
_SHAPE = {
    **dict.fromkeys(("system", "title", "source", "run", "preset"), str),
    **dict.fromkeys(("recipe", "parameters", "results"), dict),
    "data": {
        "fingerprint": str,
        "drawn": int,
        **dict.fromkeys(("classes", "datasets", "templates", "va_origins"), list),
    },
    "iterations": int,
    "sessions": list,
    "finished": bool,
}
"""What every record has, and of which type."""


def describe_run(resolved: Resolved[Recipe], selection: Selection, drawn: int, run: str) -> Record:
    """Return the record of a run that has not begun.

    Args:
        resolved: its recipe.
        selection: the faces that it works on.
        drawn: how many of them are of people who do not exist.
        run: its name.
    """
    entry, recipe, faces = find_system(resolved.system), resolved.recipe, selection.main
    return {
        "system": resolved.system,
        "title": entry.title,
        "source": entry.source,
        "run": run,
        "preset": resolved.preset,
        "recipe": resolved.record(),
        "iterations": recipe.course(selection.counts()).iterations if isinstance(recipe, EngineRecipe) else 0,
        "data": {
            "fingerprint": selection.fingerprint(),
            "datasets": _named(faces, "dataset"),
            "drawn": drawn,
            "classes": list(faces.classes),
            "templates": _named(faces, "template"),
            "va_origins": _named(faces, "va_origin"),
            **_describe_parts(faces),
            "domains": {name: _describe_parts(other) for name, other in selection.domains.items()},
        },
        "parameters": {},
        "sessions": [],
        "finished": False,
        "results": {},
        "generated": None,
    }


def _describe_parts(faces: Faces) -> dict[str, Any]:
    return {
        side: {"faces": len(faces.rows(side)), "subjects": faces.subjects(side), "emotions": faces.counts(side)}
        for side in split_parts(faces)
    }


def check_record(record: Any) -> Record:
    """Return what was read of `run.json` if it has what every record has.

    Raises:
        ValueError: something is missing, or of another type.
    """
    _require(record, _SHAPE, "it")
    for name, entry in record["recipe"].items():
        _require(entry, {"value": object, "note": str, "origin": str}, name)
        if entry["origin"] not in ORIGINS:
            raise ValueError(f"{name} has no origin that is known")
    return cast(Record, record)


def _require(value: Any, shape: Mapping[str, Any], what: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")  # noqa: TRY004 - what is wrong is the file
    for name, kind in shape.items():
        if isinstance(kind, dict):
            _require(value.get(name), kind, name)
        elif name not in value or not isinstance(value[name], kind):
            raise ValueError(f"{what} has no {name}")


def split_parts(faces: Faces) -> list[Side]:
    """Return the sides that have faces: `train`, `val` if some people are kept for validation, and `test`."""
    sides: tuple[Side, ...] = ("train", "val", "test")
    return [side for side in sides if len(faces.rows(side))]


def describe_session(device: str, precision: str, processes: int, begun: int) -> Record:
    """Return the record of one call that works on a run, from iteration `begun` on; it counts nothing yet."""
    return {
        "from_iteration": begun,
        "iterations": 0,
        "seconds": 0.0,
        "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device,
        "device_name": device_name(device),
        "precision": precision,
        "processes": processes,
        "versions": versions(),
        "code": code_state(),
    }


def _named(faces: Faces, column: str) -> list[str]:
    """Return the distinct values of a column of text."""
    return sorted({str(name) for name in faces.table[column].unique().to_pylist() if name})
