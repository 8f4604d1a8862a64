"""The record of a run: the content of `run.json`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fertools.training.data.faces import Faces, Side
from fertools.training.recipes.recipe import ORIGINS, EngineRecipe, Recipe, Resolved
from fertools.training.runs.provenance import code_state, device_name, versions
from fertools.training.systems.registry import find_system

if TYPE_CHECKING:
    # It imports torch, and whoever reads a record needs none.
    from fertools.training.data.selection import Selection

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
"""Keys of every record, with the types of their values."""


def describe_run(resolved: Resolved[Recipe], selection: Selection, drawn: int, run: str) -> Record:
    """Return the record of a new run.

    Args:
        resolved: recipe of the run.
        selection: faces of the run.
        drawn: number of its faces that are drawn.
        run: name of the run.
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
    """Return the content of `run.json` if it has the keys of every record.

    Raises:
        ValueError: a key is missing, or its value has another type.
    """
    _require(record, _SHAPE, "it")
    for name, entry in record["recipe"].items():
        _require(entry, {"value": object, "note": str, "origin": str}, name)
        if entry["origin"] not in ORIGINS:
            raise ValueError(f"{name} has an unknown origin")
    return cast(Record, record)


def _require(value: Any, shape: Mapping[str, Any], what: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")  # noqa: TRY004 - the file is wrong, not the call
    for name, kind in shape.items():
        if isinstance(kind, dict):
            _require(value.get(name), kind, name)
        elif name not in value or not isinstance(value[name], kind):
            raise ValueError(f"{what} has no {name}")


def split_parts(faces: Faces) -> list[Side]:
    """Return the split parts that have faces: `train`, `val` if people are kept for validation, and `test`."""
    sides: tuple[Side, ...] = ("train", "val", "test")
    return [side for side in sides if len(faces.rows(side))]


def describe_session(device: str, precision: str, processes: int, begun: int) -> Record:
    """Return the record of a new session, the part of a run that one call does.

    Args:
        device: name of the device for torch.
        precision: default precision of the networks.
        processes: number of processes.
        begun: iteration where the session begins.
    """
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
