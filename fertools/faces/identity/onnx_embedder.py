"""Any face recognition network in ONNX, run by OpenCV, with its input stated by the user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes, hash_file
from fertools.faces.identity.embedder import EmbedderCard, EmbedderOptions, Floats, Pictures, unit
from fertools.faces.templates import template_names

_FORM = re.compile(r"(\w+),(\d+),(rgb|bgr),(-?[\d.]+)\.\.(-?[\d.]+)")
_EXAMPLE = "arcface,112,rgb,-1..1"


@dataclass(frozen=True)
class NetworkInput:
    """The crop of a network.

    Attributes:
        template: landmark template.
        size_px: side of the crop.
        blue_first: whether its channels are in the order blue, green, red.
        black: value of black in the input.
        white: value of white in the input.
    """

    template: str
    size_px: int
    blue_first: bool
    black: float
    white: float

    @classmethod
    def parse(cls, text: str) -> NetworkInput:
        """Return an input written as `TEMPLATE,SIZE,rgb|bgr,BLACK..WHITE`.

        Raises:
            InputError: the text has another form, or a value is out of range.

        Example:
            >>> NetworkInput.parse("arcface,112,rgb,-1..1").size_px
            112
        """
        match = _FORM.fullmatch(text)
        try:
            if match is None or not 16 <= int(match[2]) <= 1024:
                raise ValueError(text)
            black, white = float(match[4]), float(match[5])
        except ValueError as error:
            raise InputError(
                f"{argument('input')} is '{text}'; give template, side in pixels, order of channels, and the values "
                f"of black and white, such as {_EXAMPLE}"
            ) from error
        if match[1] not in template_names():
            raise InputError(f"there is no template '{match[1]}'; choose one of {', '.join(template_names())}")
        return cls(match[1], int(match[2]), match[3] == "bgr", black, white)


class OnnxEmbedder:
    """A network in ONNX; a `fertools.faces.identity.embedder.Embedder`.

    Args:
        options: `weights` is the path of the file, and `input` its crop.

    Raises:
        InputError: the file or its input is not given, or OpenCV cannot run the network.
    """

    def __init__(self, options: EmbedderOptions) -> None:
        path = Path(options.weights)
        if not options.weights or not path.is_file():
            raise InputError(
                f"there is no file '{options.weights}'; give the path of an ONNX file by {argument('weights')}"
            )
        self._input = NetworkInput.parse(options.input)
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
            width = self._forward([np.zeros((self._input.size_px,) * 2 + (3,), np.uint8)]).shape[1]
        except cv2.error as error:
            raise InputError(
                f"OpenCV cannot run {path} on faces of {self._input.size_px} pixels; check {argument('input')}, or "
                "give another file"
            ) from error
        self.card = EmbedderCard(
            name="onnx",
            digest=hash_bytes(hash_file(path).encode(), options.input.encode()),
            width=width,
            template=self._input.template,
            size_px=self._input.size_px,
            scale=options.input,
            licence="unknown to fertools",
            origin=path.name,
        )

    def embed(self, crops: Pictures) -> Floats:
        """Return the embeddings of crops; see `Embedder.embed`."""
        # One at a time: many exported networks have a fixed batch of one.
        found = [self._forward([crop]) for crop in crops]
        return unit(np.concatenate(found)) if found else np.empty((0, self.card.width), np.float32)

    def _forward(self, crops: Pictures) -> Floats:
        step = (self._input.white - self._input.black) / 255
        blob = np.asarray(crops).astype(np.float32) * step + self._input.black
        blob = blob[..., ::-1] if self._input.blue_first else blob
        self._network.setInput(np.ascontiguousarray(blob.transpose(0, 3, 1, 2)))
        return np.asarray(self._network.forward(), np.float32).reshape(len(crops), -1)


def make_onnx(options: EmbedderOptions) -> OnnxEmbedder:
    """Return the embedder; the entry point of `--embedder onnx`."""
    return OnnxEmbedder(options)
