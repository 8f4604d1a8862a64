"""dlib's ResNet: 128 values from a chip of 150 pixels, by the packages of the extra `fertools[identity]`.

The network wants a chip that dlib cuts itself, from five points at the corners of the eyes and below the nose. A
predictor of dlib finds these in the crop, so the crop is loose enough to contain the chip.

Source: King, "High Quality Face Recognition with Deep Metric Learning", blog.dlib.net, 2017.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes, hash_file
from fertools.faces.identity.embedder import EmbedderCard, EmbedderOptions, Floats, Pictures, unit

SIZE_PX = 256
"""Side of the crop from which dlib cuts its chip."""
THRESHOLD = 0.93
"""Share of one in a thousand pairs of different people above it: 0.928 on 718 photographs of 432 people, 0.927 to 0.946
on two sets from laboratories."""
_BOX = (0.1, 0.9)
"""Where the face begins and ends in the crop `loose`, which is a square 1.25 times the side of the face."""
_PACKAGE = "face_recognition_models"
_NETWORK, _POINTS = "dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"
_BATCH = 16


class DlibEmbedder:
    """dlib's ResNet; a `fertools.faces.identity.embedder.Embedder`.

    Args:
        options: `weights` names a folder with both files of dlib; empty takes the installed package.

    Raises:
        InputError: dlib or its files are not installed, or cannot be read.
    """

    def __init__(self, options: EmbedderOptions) -> None:
        if options.input:
            raise InputError(f"{argument('input')} is an option of onnx; leave it out with dlib")
        network, points = (_find(options.weights, name) for name in (_NETWORK, _POINTS))
        try:
            self._dlib: Any = importlib.import_module("dlib")
        except ImportError as error:
            raise InputError("dlib is not installed; run: pip install 'fertools[identity]'") from error
        try:
            self._network = self._dlib.face_recognition_model_v1(str(network))
            self._points = self._dlib.shape_predictor(str(points))
        except RuntimeError as error:
            raise InputError(f"dlib cannot read {network} or {points}; install {_PACKAGE} again") from error
        low, high = (round(side * SIZE_PX) for side in _BOX)
        self._box = self._dlib.rectangle(low, low, high, high)
        self.card = EmbedderCard(
            name="dlib",
            digest=hash_bytes(hash_file(network).encode(), hash_file(points).encode()),
            width=128,
            template="loose",
            size_px=SIZE_PX,
            scale="RGB in 0 to 255; dlib cuts a chip of 150 pixels itself",
            licence="public domain (CC0), as dlib-models states",
            origin="dlib_face_recognition_resnet_model_v1.dat of dlib-models: 3 million faces of 7,485 people from "
            "FaceScrub, VGG and the web",
            threshold=THRESHOLD,
        )

    def embed(self, crops: Pictures) -> Floats:
        """Return the embeddings of crops; see `Embedder.embed`."""
        found: list[NDArray[np.floating]] = []
        for start in range(0, len(crops), _BATCH):
            chips = [self._chip(crop) for crop in crops[start : start + _BATCH]]
            found += [np.asarray(one) for one in self._network.compute_face_descriptor(chips)]
        return unit(np.stack(found)) if found else np.empty((0, self.card.width), np.float32)

    def _chip(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        points = self._points(crop, self._box)
        return np.asarray(self._dlib.get_face_chip(crop, points, size=150, padding=0.25), np.uint8)


def make_dlib(options: EmbedderOptions) -> DlibEmbedder:
    """Return the embedder; the entry point of `--embedder dlib`."""
    return DlibEmbedder(options)


def _find(weights: str, name: str) -> Path:
    if weights:
        path = Path(weights) / name
        if not path.is_file():
            raise InputError(f"there is no file {path}; give the folder with {name} by {argument('weights')}")
        return path
    # Located without an import, which would need setuptools.
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "models" / name).is_file():
            return path
    raise InputError(
        f"{name} is not installed; run: pip install 'fertools[identity]', or choose another {argument('embedder')}"
    )
