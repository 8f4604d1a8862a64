"""Plugins that other packages register by entry points, in addition to those of fertools.

A package registers a plugin in its `pyproject.toml`, in one of the groups `fertools.detectors`,
`fertools.embedders`, `fertools.label_formats` and `fertools.systems`:

    [project.entry-points."fertools.detectors"]
    mydetector = "mypackage.detector:make"
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from fertools.core.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def find_plugins(group: str, built_in: Mapping[str, str]) -> dict[str, EntryPoint]:
    """Return all plugins of a group by name, those of fertools first.

    Args:
        group: name of the entry-point group.
        built_in: plugins of fertools itself, as `module:object` by name. An installed fertools registers the same; a
            checkout that is not installed uses these.

    Raises:
        InputError: two packages register the same name.

    Example:
        >>> find_plugins("fertools.examples", {"loads": "json:loads"})["loads"].value
        'json:loads'
    """
    # Not at the top: it takes a while to import, and a name of our own needs none of it.
    from importlib.metadata import EntryPoint

    found = {name: EntryPoint(name, value, group) for name, value in built_in.items()}
    for entry in registered_entries(group, tuple(sys.path)):
        known = found.setdefault(entry.name, entry)
        if known.value != entry.value:
            raise InputError(
                f"two packages register '{entry.name}' in {group}: {known.value} and {entry.value}; uninstall one of "
                "them"
            )
    return found


@cache
def registered_entries(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what the packages on `sys.path` register in a group, by name; they are read once, since that takes long.

    Args:
        group: name of the entry-point group.
        path: `sys.path`, as another one has other packages.
    """
    from importlib.metadata import entry_points

    return tuple(sorted(entry_points(group=group), key=lambda entry: entry.name))


def load_built_in(value: str) -> Any:
    """Return what fertools has itself; other packages are not looked for, which takes longer than most imports.

    Args:
        value: `module:object`.

    Example:
        >>> load_built_in("json:loads")("[1]")
        [1]
    """
    module, _, name = value.partition(":")
    return getattr(importlib.import_module(module), name)


def load_plugin(entry: EntryPoint) -> Any:
    """Return the object that an entry point names.

    Raises:
        InputError: its package cannot be imported, or has no such object.
    """
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        package = entry.dist.name if entry.dist else "fertools"
        raise InputError(
            f"'{entry.name}' ({entry.group}) of the package {package} cannot be loaded ({error}); install that package "
            "again"
        ) from error
