"""Read the published MTCNN weights from the packages that contain them, without importing these, or from files.

`mtcnn` and `facenet-pytorch` contain the same 495,850 numbers in two file formats. Importing either would import
TensorFlow or torchvision. So the files are located by the import system's specs and read directly. `mtcnn` comes first,
because its files are read without torch, whose import takes longer than everything else together.

A user's own file has all three networks in the format `.safetensors` or NumPy's `.npz`. It has one array per parameter,
named by network and parameter: `pnet.conv1.weight`, `rnet.dense5_1.bias`. Neither format can contain code.
`save_weights` writes such a file.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib
import lz4.frame
import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as safetensors

from fertools.core import files
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.hashing import hash_bytes
from fertools.core.sealed import check_whole, is_sealed, write_sealed

NETWORKS = ("pnet", "rnet", "onet")

# mtcnn 1.0 has a list of arrays in the order of its layers. These are the names of the same numbers in the files of
# facenet-pytorch: kernel, bias and slope of each trunk layer, then kernel and bias of each head.
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


Floats = NDArray[np.float32]

_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "pnet": {
        **{"conv1": (10, 3, 3, 3), "prelu1": (10,)},
        **{"conv2": (16, 10, 3, 3), "prelu2": (16,)},
        **{"conv3": (32, 16, 3, 3), "prelu3": (32,)},
        **{"conv4_1": (2, 32, 1, 1), "conv4_2": (4, 32, 1, 1)},
    },
    "rnet": {
        **{"conv1": (28, 3, 3, 3), "prelu1": (28,)},
        **{"conv2": (48, 28, 3, 3), "prelu2": (48,)},
        **{"conv3": (64, 48, 2, 2), "prelu3": (64,)},
        **{"dense4": (128, 576), "prelu4": (128,)},
        **{"dense5_1": (2, 128), "dense5_2": (4, 128)},
    },
    "onet": {
        **{"conv1": (32, 3, 3, 3), "prelu1": (32,)},
        **{"conv2": (64, 32, 3, 3), "prelu2": (64,)},
        **{"conv3": (64, 64, 3, 3), "prelu3": (64,)},
        **{"conv4": (128, 64, 2, 2), "prelu4": (128,)},
        **{"dense5": (256, 1152), "prelu5": (256,)},
        **{"dense6_1": (2, 256), "dense6_2": (4, 256), "dense6_3": (10, 256)},
    },
}
"""Shape of each layer's weight. Every layer except PReLU also has a bias with the length of the first axis."""


@dataclass(frozen=True)
class CascadeWeights:
    """The parameters of the three networks.

    Attributes:
        name: origin of the weights, for reports: name of a package, folder or file.
        digest: hash of the numbers only, so it is the same for every origin.
        pnet: float32 arrays of the proposal network, with the names and axis order of torch's state dicts.
        rnet: float32 arrays of the refinement network.
        onet: float32 arrays of the output network.

    Raises:
        InputError: the parameters of a network do not fit its layers.
    """

    name: str
    digest: str
    pnet: Mapping[str, Floats]
    rnet: Mapping[str, Floats]
    onet: Mapping[str, Floats]

    def __post_init__(self) -> None:
        for network in NETWORKS:
            given = {key: value.shape for key, value in getattr(self, network).items()}
            if given != parameter_shapes(network):
                name = {"pnet": "P-Net", "rnet": "R-Net", "onet": "O-Net"}[network]
                raise InputError(f"the weights in {self.name} do not fit {name}; give the files of facenet-pytorch")


def parameter_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of `pnet`, `rnet` or `onet`, by its name."""
    weights = {f"{layer}.weight": shape for layer, shape in _SHAPES[network].items()}
    return weights | {
        f"{layer}.bias": shape[:1] for layer, shape in _SHAPES[network].items() if not layer.startswith("prelu")
    }


def load_weights(source: str | Path = "auto") -> CascadeWeights:
    """Read the weights of the cascade.

    Args:
        source: `mtcnn`, `facenet-pytorch`, `auto` (the first of the two that is installed), or a path. The path is that
            of a `.safetensors` or `.npz` file from `save_weights`, or of a folder with `pnet.pt`, `rnet.pt` and
            `onet.pt` in the form of facenet-pytorch.

    Raises:
        InputError: no such package is installed, or the files are missing or not the expected ones.

    Example:
        >>> load_weights("mtcnn").digest == load_weights("facenet-pytorch").digest
        True
    """
    readers: dict[str, Callable[[], CascadeWeights | None]] = {"mtcnn": _mtcnn, "facenet-pytorch": _facenet}
    if isinstance(source, Path) or source not in {"auto", *readers}:
        path = Path(source)
        return _file(path) if path.suffix in _FILES else _folder(path, str(source))
    for name in readers if source == "auto" else [source]:
        found = readers[name]()
        if found is not None:
            return found
    wanted = "mtcnn or facenet-pytorch" if source == "auto" else source
    package = "mtcnn" if source == "auto" else source
    raise InputError(f"the detector's weights come with {wanted}, which is not installed; run: pip install {package}")


def save_weights(path: Path, weights: CascadeWeights) -> None:
    """Write weights to one file, atomically.

    Args:
        path: path that ends in `.safetensors` or `.npz`.
        weights: float32 parameters, written as `<network>.<name>`.

    Raises:
        InputError: the path has another suffix.
        StorageError: the disk is full or cannot be written.

    Example:
        >>> save_weights(Path("mtcnn.safetensors"), load_weights())
    """
    if path.suffix not in _FILES:
        raise InputError(f"{path} ends in neither {' nor '.join(_FILES)}; weights are written in these two forms")
    arrays = {
        f"{network}.{key}": np.ascontiguousarray(value)
        for network in NETWORKS
        for key, value in getattr(weights, network).items()
    }
    if path.suffix == ".safetensors":
        write_sealed(path, safetensors.save(arrays))
    else:
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)


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
    with reading(path, "cannot be read as weights", "see save_weights for what it should hold"):
        if path.suffix == ".safetensors" and is_sealed(path):
            check_whole(path, "put back a copy of it, or write it again by save_weights")
        arrays = _FILES[path.suffix](path)
    networks: dict[str, dict[str, Floats]] = {network: {} for network in NETWORKS}
    for name, value in arrays.items():
        network, _, key = name.partition(".")
        if network not in networks:
            raise InputError(f"{path} holds '{name}'; name parameters by network: {', '.join(NETWORKS)}")
        networks[network][key] = value.astype(np.float32)
    return _weights(str(path), networks)


def _read_npz(path: Path) -> dict[str, Floats]:
    if not zipfile.is_zipfile(path):
        raise zipfile.BadZipFile
    # No pickles, because they run code and this file can come from anyone.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        return {name: held[name].astype(np.float32) for name in held.files}


_FILES: dict[str, Callable[[Path], dict[str, Floats]]] = {".safetensors": safetensors.load_file, ".npz": _read_npz}
"""Reader of a weight file by its suffix."""


def _package_folder(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _read_state(path: Path) -> dict[str, Floats]:
    if not path.is_file():
        raise InputError(
            f"{path} is not there; weights are {', '.join(f'{name}.pt' for name in NETWORKS)} in a folder, "
            f"or a {' or '.join(_FILES)} file"
        )
    # Not at the top, because other sources of weights do not need torch, which takes seconds to import.
    import torch

    with reading(path, "holds no weights that torch can read", "give the files of facenet-pytorch"):
        # weights_only, because a pickle can otherwise run code, and this folder can come from anyone.
        state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path} holds something other than named tensors; give the files of facenet-pytorch")
    return {str(key): value.float().numpy() for key, value in state.items()}


def _read_layers(path: Path, network: str) -> dict[str, Floats]:
    """Return one network of mtcnn 1.0 with the names and axis order of torch."""
    # joblib unpickles, which runs code; the file belongs to an installed package, whose code runs anyway.
    # Decompressed here, because joblib closes the file below lz4's reader, which Python 3.13 reports on the terminal.
    arrays = iter(joblib.load(io.BytesIO(lz4.frame.decompress(path.read_bytes()))))
    state: dict[str, Floats] = {}
    for layer in _TRUNKS[network]:
        weighted, slope = layer.split()
        state |= _layer(weighted, next(arrays), next(arrays))
        state[f"{slope}.weight"] = np.ravel(next(arrays)).astype(np.float32)
    for head in _HEADS[network]:
        state |= _layer(head, next(arrays), next(arrays))
    return state


def _layer(name: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, Floats]:
    # TensorFlow stores kernels as (height, width, in, out) and dense matrices as (in, out).
    axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
    weight = np.ascontiguousarray(kernel.transpose(axes), np.float32)
    return {f"{name}.weight": weight, f"{name}.bias": bias.astype(np.float32)}


def _weights(name: str, networks: dict[str, dict[str, Floats]]) -> CascadeWeights:
    parts = []
    for network in NETWORKS:
        for key, value in sorted(networks[network].items()):
            if not np.isfinite(value).all():
                raise InputError(f"the weights in {name} hold numbers in {network}.{key} that are not finite")
            little_endian = np.ascontiguousarray(value, "<f4")
            parts += [f"{network}.{key} {value.shape}".encode(), little_endian.tobytes()]
    return CascadeWeights(name, hash_bytes(*parts), **networks)
