"""Recognise a dataset and its layout by the files in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fertools.core.arguments import argument, either
from fertools.core.errors import InputError
from fertools.sources.datasets.descriptor import ANYWHERE, Descriptor, Layout
from fertools.sources.datasets.tree import Tree


def find_layouts(tree: Tree, descriptor: Descriptor) -> list[Layout]:
    """Return the layouts of a dataset that a folder has, in the order of the descriptor.

    Args:
        tree: files of the folder.
        descriptor: the dataset.
    """
    return [layout for layout in descriptor.layouts if not _lacking(tree.names, layout)]


def choose_layout(tree: Tree, descriptor: Descriptor, name: str = "") -> Layout:
    """Return the layout by which a folder is read: the first that it has, or a named one.

    Args:
        tree: files of the folder.
        descriptor: the dataset.
        name: name of the layout; empty for the first that fits.

    Raises:
        InputError: the folder has none of the layouts, or not the named one; the message says what was expected.
    """
    wanted = [layout for layout in descriptor.layouts if name in ("", layout.name)]
    if not wanted:
        known = ", ".join(layout.name for layout in descriptor.layouts)
        raise InputError(f"{descriptor.name} has no layout '{name}'; known are {known}")
    for layout in wanted:
        if not _lacking(tree.names, layout):
            return layout
    # The nearest layout, by the share of its marks that were found.
    nearest = min(wanted, key=lambda layout: len(_lacking(tree.names, layout)) / len(layout.marks))
    lacking = "; ".join(_lacking(tree.names, nearest))
    see = either("see its expected tree", f"see `fertools datasets show {descriptor.name}`")
    raise InputError(
        f"{tree.title} is not laid out as {descriptor.title}: for the layout '{nearest.name}' ({nearest.title}) "
        f"{lacking}; {see}, or give {argument('descriptor')} none to use the name as a label only"
    )


def _lacking(names: Sequence[str], layout: Layout) -> list[str]:
    """Return what keeps a folder from having a layout; empty if it has it."""
    found = [f"no file is named as '{_shown(mark)}'" for mark in layout.marks if not _any(names, mark)]
    return found + [
        f"files named as '{_shown(mark)}' belong to another form" for mark in layout.without if _any(names, mark)
    ]


def _any(names: Sequence[str], mark: re.Pattern[str]) -> bool:
    return any(mark.fullmatch(name) for name in names)


def _shown(mark: re.Pattern[str]) -> str:
    return mark.pattern.removeprefix(f"{ANYWHERE}(?:").removesuffix(")")
