"""Embedders by name: those of fertools, and those that other packages register.

A package registers an embedder in its `pyproject.toml`:

    [project.entry-points."fertools.embedders"]
    mynetwork = "mypackage.network:make"

The entry point names a callable that takes `EmbedderOptions` and returns an `Embedder`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import lru_cache

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.plugins import find_plugins, load_built_in, load_plugin
from fertools.faces.identity.embedder import Embedder, EmbedderOptions

GROUP = "fertools.embedders"
"""Entry-point group of embedders."""

BUILT_IN = {
    "dlib": "fertools.faces.identity.dlib_embedder:make_dlib",
    "facenet": "fertools.training.networks.face_embedders:make_facenet",
    "mobilefacenet": "fertools.training.networks.face_embedders:make_mobilefacenet",
    "onnx": "fertools.faces.identity.onnx_embedder:make_onnx",
}
"""Embedders of fertools itself. `pyproject.toml` registers the same; a checkout that is not installed uses these."""
DEFAULT = "dlib"
"""The embedder that needs nothing but pip."""

EmbedderFactory = Callable[[EmbedderOptions], Embedder]


def embedder_names() -> tuple[str, ...]:
    """Return the names of all embedders, in alphabetical order."""
    return tuple(sorted(find_plugins(GROUP, BUILT_IN)))


def load_embedder(name: str = DEFAULT, options: EmbedderOptions | None = None) -> Embedder:
    """Return an embedder.

    Args:
        name: name of a registered embedder, such as `dlib`.
        options: weights and input; None for the defaults.

    Raises:
        InputError: there is no such embedder, or its weights are missing or belong to another network.
    """
    if name in BUILT_IN:
        built_in: EmbedderFactory = load_built_in(BUILT_IN[name])
        return built_in(options or EmbedderOptions())
    found = find_plugins(GROUP, BUILT_IN)
    if name not in found:
        raise InputError(f"{argument('embedder')} '{name}' is unknown; choose one of {', '.join(sorted(found))}")
    other: EmbedderFactory = load_plugin(found[name])
    return other(options or EmbedderOptions())


@lru_cache(maxsize=1)
def reopen_embedder(name: str, options: EmbedderOptions, digest: str) -> Embedder:
    """Return an embedder in another process, once per process.

    Args:
        name: its name.
        options: its weights and input.
        digest: digest of its weights, since another machine may have other weights under the same path.

    Raises:
        InputError: the weights are missing here or are others.
    """
    embedder = load_embedder(name, options)
    if embedder.card.digest != digest:
        raise InputError(
            f"the weights of the embedder {name} are others on the machine {platform.node()}; give all machines of the "
            "cluster the same file"
        )
    return embedder
