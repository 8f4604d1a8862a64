"""The systems that can be trained, by name: ours, and those of other packages.

Another package adds one by an entry point of the group `fertools.systems`, whose name is the system's and whose value
is a `SystemEntry`, such as `my_package.my_system:ENTRY`.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points

from fertools.core.errors import RecipeError
from fertools.training.systems.entry import SystemEntry

GROUP = "fertools.systems"
"""The group of entry points."""
_OURS = ("stargan", "cyclegan", "classifier", "svm")


@cache
def list_systems() -> dict[str, SystemEntry]:
    """Return all systems by name, ours first; none of another package takes a name of ours."""
    found = {name: _ours(name) for name in _OURS}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name not in found:
            found[point.name] = point.load()
    return found


def find_system(name: str) -> SystemEntry:
    """Return the entry of a system.

    Raises:
        RecipeError: there is none of this name; the nearest is named.

    Example:
        >>> find_system("stargan").title
        'StarGAN'
    """
    systems = list_systems()
    if name not in systems:
        from fertools.training.recipes.recipe import nearest

        known = ", ".join(systems)
        raise RecipeError(f"there is no system '{name}'{nearest(name, systems)}; fertools can train: {known}")
    return systems[name]


def _ours(name: str) -> SystemEntry:
    entry: SystemEntry = importlib.import_module(f"fertools.training.systems.{name.replace('-', '_')}").ENTRY
    return entry
