"""The reference of the Python API, generated from the docstrings of the names that `fertools` offers."""

from __future__ import annotations

import inspect
from itertools import groupby
from typing import Any

import fertools

MARK = "<!-- Generated from the docstrings: docs/site/names.py -->"


def public_names() -> list[str]:
    """Return the names of `fertools.__all__` that are functions or classes, by room and name."""
    names = [name for name in fertools.__all__ if callable(getattr(fertools, name))]
    return sorted(names, key=lambda name: (_room(getattr(fertools, name)), name))


def render() -> str:
    """Return the reference as Markdown: a section per room, an entry per name."""
    parts = []
    for room, names in groupby(public_names(), key=lambda name: _room(getattr(fertools, name))):
        parts.append(f"## {room}\n\n```{{eval-rst}}\n.. currentmodule:: fertools\n")
        parts += [_directive(name, getattr(fertools, name)) for name in names]
        parts.append("```\n")
    return "\n".join(parts)


def _room(value: Any) -> str:
    if inspect.isclass(value) and issubclass(value, Exception):
        return "Errors"
    return str(value.__module__).split(".")[1].capitalize()


def _directive(name: str, value: Any) -> str:
    if not inspect.isclass(value):
        return f".. autofunction:: {name}\n"
    if issubclass(value, Exception):
        return f".. autoexception:: {name}\n   :show-inheritance:\n"
    return f".. autoclass:: {name}\n   :members:\n"
