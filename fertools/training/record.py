"""What a run writes down about itself: the content of `run.json`."""

from __future__ import annotations

import datetime
from typing import Any

from fertools.training.data import Faces, Side
from fertools.training.provenance import code_state, device_name, versions
from fertools.training.recipe import EngineRecipe, Recipe, Resolved
from fertools.training.systems import find_system

Record = dict[str, Any]
"""The content of `run.json`."""


def describe_run(resolved: Resolved[Recipe], faces: Faces, drawn: int, run: str) -> Record:
    """Return the record of a run that has not begun.

    Args:
        resolved: its recipe.
        faces: what it works on.
        drawn: how many of them are of people who do not exist.
        run: its name.
    """
    entry, recipe = find_system(resolved.system), resolved.recipe
    sides = {
        side: {"faces": len(faces.rows(side)), "subjects": faces.subjects(side), "emotions": faces.counts(side)}
        for side in sides_of(faces)
    }
    return {
        "system": resolved.system,
        "kind": entry.kind,
        "title": entry.title,
        "source": entry.source,
        "run": run,
        "preset": resolved.preset,
        "recipe": resolved.record(),
        "iterations": recipe.course(len(faces.rows("train"))).iterations if isinstance(recipe, EngineRecipe) else 0,
        "data": {
            "fingerprint": faces.fingerprint(),
            "datasets": _named(faces, "dataset"),
            "drawn": drawn,
            "classes": list(faces.classes),
            "templates": _named(faces, "template"),
            "va_origins": _named(faces, "va_origin"),
            **sides,
        },
        "parameters": {},
        "sessions": [],
        "finished": False,
        "results": {},
        "generated": None,
    }


def sides_of(faces: Faces) -> list[Side]:
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
