"""The systems that can be trained, by name: ours, and those of other packages.

Another package adds a system by an entry point of the group `fertools.systems`. Its name is the name of the system, and
its value is a `SystemEntry`, such as `my_package.my_system:ENTRY`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint

from fertools.core.errors import RecipeError
from fertools.core.plugins import find_plugins, load_plugin
from fertools.core.spelling import nearest
from fertools.training.systems.entry import SystemEntry

GROUP = "fertools.systems"
"""Entry-point group of systems."""
BUILT_IN = {
    name: f"fertools.training.systems.{name.replace('-', '_')}:ENTRY"
    for name in ("stargan", "cyclegan", "et-cyclegan", "unpaired", "ha-gan", "cycleat", "classifier", "svm")
}
"""Systems of fertools itself."""
_OURS = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}


def registered_systems() -> dict[str, SystemEntry]:
    """Return all systems by name, ours first.

    Raises:
        InputError: two packages register the same name, or one of them cannot be loaded.
    """
    return {name: load_plugin(entry) for name, entry in find_plugins(GROUP, BUILT_IN).items()}


def find_system(name: str) -> SystemEntry:
    """Return the entry of a system.

    Raises:
        RecipeError: there is no system of this name; the message suggests the nearest.
        InputError: its package cannot be loaded.

    Example:
        >>> find_system("stargan").title
        'StarGAN'
    """
    # Other packages are searched only if the name is not one of ours.
    found = _OURS if name in _OURS else find_plugins(GROUP, BUILT_IN)
    if name not in found:
        raise RecipeError(f"there is no system '{name}'{nearest(name, found)}; fertools can train: {', '.join(found)}")
    entry: SystemEntry = load_plugin(found[name])
    return entry
