"""Read weights from pickles of NumPy arrays without executing any code in them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""First bytes of a file in torch's older format: its magic number as a pickle."""
_BEGINS = b"\x80"
_RECONSTRUCT: Callable[..., Any] = np.empty(0).__reduce__()[0]  # type: ignore[assignment]  # typed as text or function
_FROM_BUFFER: Callable[..., Any] = np.empty(1).__reduce_ex__(5)[0]  # type: ignore[assignment]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
}
"""The functions that a pickle of arrays needs. Others are refused, so that a file cannot call anything."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if (module, name) == ("_codecs", "encode"):
            # Python 2 wrote bytes as text.
            return _latin1
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only arrays are read")


def is_array_pickle(path: Path) -> bool:
    """Return whether a file is a pickle that torch did not write.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(len(_TORCH))
    return head.startswith(_BEGINS) and head != _TORCH and not zipfile.is_zipfile(path)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a pickled mapping; arrays in inner mappings are named `outer/inner`.

    Args:
        path: path of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it has values other than mappings and arrays of numbers.
        pickle.UnpicklingError: it is damaged, or needs a function that arrays do not need.
    """
    with path.open("rb") as stream:
        found = _ArraysOnly(stream, encoding="latin1").load()
    return dict(_flat("", found))


def _flat(prefix: str, value: object) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{prefix}/{name}" if prefix else str(name), inner)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        yield prefix, np.ascontiguousarray(value)
    else:
        raise ValueError(f"{prefix or 'it'} is no array of numbers")


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    del encoding
    return text.encode("latin1")
