"""Read the weights of a Keras model from its HDF5 file, without Keras and without executing anything in the file."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.explain import reading

SUFFIXES = (".h5", ".hdf5")
"""File suffixes of such files."""
_GROUP = "model_weights"
_REMEDY = "put back a copy of it"


def read_keras(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a Keras model as arrays, named `layer/weight`, such as `conv2d_1/kernel`.

    Args:
        path: path of the file. A file of the whole model and one of its weights alone can be read.

    Raises:
        InputError: h5py is not installed, the file is damaged or no HDF5, or it keeps values in other files.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            f"{path} is a file of Keras, which only h5py reads; run `pip install 'fertools[public]'`"
        ) from error
    found: dict[str, NDArray[np.float32]] = {}

    # Links are not followed by this, so only what is in the file itself is seen.
    def take(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
            return
        if item.external or item.is_virtual:
            raise InputError(f"{path} keeps {name} in another file; {_REMEDY} that holds all of its weights")
        layer = name.split("/", 1)[0]
        found[f"{layer}/{posixpath.basename(name).split(':', 1)[0]}"] = np.asarray(item[()], np.float32)

    with reading(path, "cannot be read as a file of Keras", _REMEDY), h5py.File(path, "r") as stored:
        stored.get(_GROUP, stored).visititems(take)
    return found
