"""The published MTCNN weights, read from the packages that carry them without importing those packages, or from files.

`facenet-pytorch` and `mtcnn` carry the same 495,850 numbers in two file formats. Importing either would pull in
torchvision or TensorFlow, so the files are found through the import system's specs and read directly.

A file of one's own holds all three networks: `.safetensors`, or `.npz` of NumPy, with an array for each parameter,
named by its network and its name there: `pnet.conv1.weight`, `rnet.dense5_1.bias`. Neither format can hold code.
`save_weights` writes one.
"""

from __future__ import annotations

import importlib.util
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes

NETWORKS = ("pnet", "rnet", "onet")

# mtcnn 1.0 stores a plain list of arrays in the order of its layers; these are the names of the same numbers in
# facenet-pytorch's files: kernel, bias and slope of each trunk layer, then kernel and bias of each head.
_TRUNKS = {
    "pnet": ("conv1 prelu1", "conv2 prelu2", "conv3 prelu3"),
    "rnet": ("conv1 prelu1", "conv2 prelu2", "conv3 prelu3", "dense4 prelu4"),
    "onet": ("conv1 prelu1", "conv2 prelu2", "conv3 prelu3", "conv4 prelu4", "dense5 prelu5"),
}
_HEADS = {
    "pnet": ("conv4_2", "conv4_1"),
    "rnet": ("dense5_2", "dense5_1"),
    "onet": ("dense6_2", "dense6_3", "dense6_1"),
}


@dataclass(frozen=True)
class CascadeWeights:
    """The parameters of the three networks.

    Attributes:
        name: where they come from, for reports: the name of a package, folder or file.
        digest: hash of the numbers alone; the same whichever of those they were read from.
        pnet: state dict of the proposal network.
        rnet: state dict of the refinement network.
        onet: state dict of the output network.
    """

    name: str
    digest: str
    pnet: Mapping[str, Tensor]
    rnet: Mapping[str, Tensor]
    onet: Mapping[str, Tensor]


def load_weights(source: str | Path = "auto") -> CascadeWeights:
    """Read the weights of the cascade.

    Args:
        source: `facenet-pytorch`, `mtcnn`, `auto` (the first of the two that is installed), a folder that holds
            `pnet.pt`, `rnet.pt` and `onet.pt` as facenet-pytorch lays them out, or a `.safetensors` or `.npz` file as
            `save_weights` writes it.

    Raises:
        InputError: no such package is installed, or the files are missing or not the expected ones.

    Example:
        >>> load_weights("mtcnn").digest == load_weights("facenet-pytorch").digest
        True
    """
    readers: dict[str, Callable[[], CascadeWeights | None]] = {"facenet-pytorch": _facenet, "mtcnn": _mtcnn}
    if isinstance(source, Path) or source not in {"auto", *readers}:
        path = Path(source)
        return _file(path) if path.suffix in _FILES else _folder(path, str(source))
    for name in readers if source == "auto" else [source]:
        found = readers[name]()
        if found is not None:
            return found
    wanted = "facenet-pytorch or mtcnn" if source == "auto" else source
    package = "facenet-pytorch" if source == "auto" else source
    raise InputError(f"the detector's weights come with {wanted}, which is not installed; run: pip install {package}")


def save_weights(path: Path, weights: CascadeWeights) -> None:
    """Write weights to one file, whole or not at all.

    Args:
        path: ends in `.safetensors` or `.npz`.
        weights: float32 parameters, written as `<network>.<name>`.

    Raises:
        InputError: the path has another ending.
        StorageError: the disk is full or cannot be written.

    Example:
        >>> save_weights(Path("mtcnn.safetensors"), load_weights())  # doctest: +SKIP
    """
    if path.suffix not in _FILES:
        raise InputError(f"{path} ends in neither {' nor '.join(_FILES)}; weights are written in these two forms")
    tensors = {
        f"{network}.{key}": value.contiguous()
        for network in NETWORKS
        for key, value in getattr(weights, network).items()
    }
    if path.suffix == ".safetensors":
        files.write_bytes(path, safetensors.save(tensors))
    else:
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **{key: value.numpy() for key, value in tensors.items()})


def _facenet() -> CascadeWeights | None:
    package = _package_folder("facenet_pytorch")
    return None if package is None else _folder(package / "data", "facenet-pytorch")


def _mtcnn() -> CascadeWeights | None:
    package = _package_folder("mtcnn")
    # Releases before 1.0 keep their weights elsewhere, in another format.
    folder = None if package is None else package / "assets" / "weights"
    if folder is None or not folder.is_dir():
        return None
    return _weights("mtcnn", {name: _read_layers(folder / f"{name}.lz4", name) for name in NETWORKS})


def _folder(folder: Path, name: str) -> CascadeWeights:
    return _weights(name, {network: _read_state(folder / f"{network}.pt") for network in NETWORKS})


def _file(path: Path) -> CascadeWeights:
    if not path.is_file():
        raise InputError(f"there is no file of weights {path}")
    try:
        tensors = _FILES[path.suffix](path)
    except (SafetensorError, OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as weights; see save_weights for what it should hold") from error
    networks: dict[str, dict[str, Tensor]] = {network: {} for network in NETWORKS}
    for name, value in tensors.items():
        network, _, key = name.partition(".")
        if network not in networks:
            raise InputError(f"{path} holds '{name}'; name parameters by network: {', '.join(NETWORKS)}")
        networks[network][key] = value.float()
    return _weights(str(path), networks)


def _read_npz(path: Path) -> dict[str, Tensor]:
    if not zipfile.is_zipfile(path):
        raise zipfile.BadZipFile
    # No pickles, because they run code and this file may be anyone's.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        return {name: torch.from_numpy(held[name].astype(np.float32)) for name in held.files}


_FILES: dict[str, Callable[[Path], dict[str, Tensor]]] = {".safetensors": safetensors.load_file, ".npz": _read_npz}
"""What reads a file of weights, by its ending."""


def _package_folder(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _read_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(
            f"{path} is not there; weights are {', '.join(f'{name}.pt' for name in NETWORKS)} in a folder, "
            f"or a {' or '.join(_FILES)} file"
        )
    try:
        # weights_only, because a pickle may otherwise run code and this folder may be anyone's.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} holds no weights that torch can read; give the files of facenet-pytorch") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds something other than named tensors; give the files of facenet-pytorch")
    return {str(key): value.float() for key, value in state.items()}


def _read_layers(path: Path, network: str) -> dict[str, Tensor]:
    """Return one network of mtcnn 1.0 under the names and in the axis order of torch."""
    # joblib unpickles, which runs code; the file is one of an installed package, whose code runs anyway.
    arrays = iter(joblib.load(path))
    state: dict[str, Tensor] = {}
    for layer in _TRUNKS[network]:
        weighted, slope = layer.split()
        state |= _layer(weighted, next(arrays), next(arrays))
        state[f"{slope}.weight"] = torch.from_numpy(np.ravel(next(arrays)).copy())
    for head in _HEADS[network]:
        state |= _layer(head, next(arrays), next(arrays))
    return state


def _layer(name: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, Tensor]:
    # TensorFlow keeps kernels as (height, width, in, out) and dense matrices as (in, out).
    axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
    weight = np.ascontiguousarray(kernel.transpose(axes))
    return {f"{name}.weight": torch.from_numpy(weight), f"{name}.bias": torch.from_numpy(bias.copy())}


def _weights(name: str, networks: dict[str, dict[str, Tensor]]) -> CascadeWeights:
    parts = []
    for network in NETWORKS:
        for key, value in sorted(networks[network].items()):
            if not torch.isfinite(value).all():
                raise InputError(f"the weights in {name} hold numbers in {network}.{key} that are not finite")
            little_endian = value.contiguous().numpy().astype("<f4")
            parts += [f"{network}.{key} {tuple(value.shape)}".encode(), little_endian.tobytes()]
    return CascadeWeights(name, hash_bytes(*parts), **networks)
