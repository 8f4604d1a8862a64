"""Find descriptors by name: those of the workspace first, then those that come with fertools."""

from __future__ import annotations

import difflib
from pathlib import Path

from fertools.core import package_data
from fertools.core.errors import InputError
from fertools.sources.datasets.descriptor import Descriptor
from fertools.sources.datasets.parsing import read_descriptor

PARTS = ":"
"""Stands between the name of a dataset and that of a layout, as in `raf-db:aligned`."""


def descriptor_names(workspace: Path | None = None) -> list[str]:
    """Return the names of all descriptors, in alphabetical order.

    Args:
        workspace: root folder of a workspace, whose descriptors are included; None for those of fertools.
    """
    return package_data.names("manifests", workspace)


def load_descriptor(name: str, workspace: Path | None = None) -> Descriptor:
    """Return the descriptor of a dataset; the workspace's own file takes precedence.

    Args:
        name: name of the dataset, such as `ckplus`.
        workspace: root folder of a workspace; None for the descriptors of fertools.

    Raises:
        InputError: there is no descriptor of this name, or it is invalid.
    """
    known = descriptor_names(workspace)
    if name not in known:
        near = find_near(name, known)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
        raise InputError(f"there is no descriptor of a dataset '{name}'; {hint}")
    path = package_data.find("manifests", name, workspace)
    return read_descriptor(path, is_own=path.parent != package_data.shipped_folder("manifests"))


def find_near(name: str, known: list[str]) -> str | None:
    """Return the name that a misspelt one most likely means, or None.

    Example:
        >>> find_near("CK+", ["ckplus", "jaffe"]), find_near("videos", ["ckplus", "jaffe"])
        ('ckplus', None)
    """
    plain = {_plain(one): one for one in known}
    near = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.8)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower().replace("+", "plus") if sign.isalnum())
