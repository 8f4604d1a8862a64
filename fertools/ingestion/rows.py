"""Make the row and the crop of one face in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.faces.alignment import FILLS, extract_crop, fill_outside, outside_mask, similarity, warp
from fertools.faces.centring import CENTRED, centre_square, covered_square, square_matrix
from fertools.faces.quality import measure
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.pairs import find_pair
from fertools.ingestion.pipeline import SourceContext
from fertools.ingestion.temporal_buffer import Face, FrameFaces

JPEG_QUALITY = 95

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Cropper:
    """Cuts faces out of frames.

    Attributes:
        workspace: workspace for the crops.
        options: options of the ingest, with the template, size and format of the crops.
    """

    workspace: Workspace
    options: IngestOptions

    def found(self, rgb: Pixels, face: Face) -> dict[str, Any]:
        """Write the crop of a detected face and return the columns of its row.

        Args:
            rgb: (H, W, 3) uint8, the frame.
            face: the face.

        Raises:
            InputError: the landmarks cannot be aligned.
            StorageError: the crop cannot be written.
        """
        matrix = similarity(face.best_points, self.options.template, self.options.crop_px)
        return self._row(rgb, face, matrix, self.options.template, face.best_points)

    def given(self, rgb: Pixels, points: NDArray[np.float32] | None, face_id: str) -> dict[str, Any]:
        """Write the crop of a frame that is a face crop already, and return the columns of its row.

        Args:
            rgb: (H, W, 3) uint8, the frame.
            points: (5, 2) landmarks that came with the frame, aligned by the template; None cuts a centred square.
            face_id: identifier of the face.

        Raises:
            InputError: the landmarks cannot be aligned.
            StorageError: the crop cannot be written.
        """
        size_px = self.options.crop_px
        if points is not None:
            matrix = similarity(points, self.options.template, size_px)
            box = covered_square(matrix, size_px)
            return self._row(rgb, Face(face_id, box, points=points), matrix, self.options.template, points)
        box = centre_square(rgb.shape[1], rgb.shape[0], self.options.crop_centre)
        return self._row(rgb, Face(face_id, box), square_matrix(box, size_px), CENTRED, None)

    def boxed(self, rgb: Pixels, box: Sequence[float], face_id: str) -> dict[str, Any]:
        """Write the crop of a square around a box, and return the columns of its row.

        Args:
            rgb: (H, W, 3) uint8, the picture.
            box: x1, y1, x2, y2 in pixels.
            face_id: identifier of the face.

        Raises:
            StorageError: the crop cannot be written.
        """
        corners = np.array(box, np.float64)
        middle, half = (corners[:2] + corners[2:]) / 2, float((corners[2:] - corners[:2]).max()) / 2
        square = np.concatenate([middle - half, middle + half]).astype(np.float32)
        return self._row(rgb, Face(face_id, square), square_matrix(square, self.options.crop_px), CENTRED, None)

    def _row(
        self,
        rgb: Pixels,
        face: Face,
        matrix: NDArray[np.float64],
        template: str,
        points: NDArray[np.float32] | None,
    ) -> dict[str, Any]:
        crop = warp(rgb, matrix, self.options.crop_px)
        # Measured before filling, because fill pixels would change brightness and sharpness.
        quality = measure(crop, face.box, points)
        outside = outside_mask(matrix, self.options.crop_px, rgb.shape)
        path = self.workspace.crop_path(face.face_id, self.options.crop_suffix)
        write_crop(self.workspace.root / path, fill_outside(crop, outside, FILLS[self.options.fill]))
        if points is not None:
            self._write_others(rgb, face.face_id, points)
        return {
            "face_id": face.face_id,
            "track_id": face.track,
            "box": face.box.tolist(),
            "landmarks": None if face.points is None else face.points.tolist(),
            "landmarks_smoothed": None if face.smoothed is None else face.smoothed.tolist(),
            "det_score": None if face.score is None else min(face.score, 1.0),
            "interpolated": face.interpolated,
            "path": path,
            "size_px": self.options.crop_px,
            "template": template,
            "matrix": matrix.tolist(),
            "crop_coverage": 1.0 if outside is None else 1.0 - np.count_nonzero(outside) / outside.size,
            "face_px": quality.face_px,
            "blur": quality.blur,
            "brightness": quality.brightness,
            "yaw_deg": quality.yaw_deg,
            "pitch_deg": quality.pitch_deg,
            "roll_deg": quality.roll_deg,
            "status": "kept",
        }

    def _write_others(self, rgb: Pixels, face_id: str, points: NDArray[np.float32]) -> None:
        """Write the additional crops with the other templates."""
        size_px, suffix = self.options.crop_px, self.options.crop_suffix
        for template in self.options.more_templates:
            crop = extract_crop(rgb, similarity(points, template, size_px), size_px, self.options.fill)
            write_crop(self.workspace.root / self.workspace.other_crop_path(face_id, template, size_px, suffix), crop)


def row_of_frame(seen: FrameFaces, context: SourceContext) -> dict[str, Any]:
    """Return the columns that all faces of a frame share."""
    height, width = map(int, seen.frame.rgb.shape[:2])
    return {
        "source_id": context.source.source_id,
        "dataset": context.source.dataset,
        "modality": context.source.modality,
        "pair_id": None if context.is_video else find_pair(context.source.path),
        "sequence_id": context.source.sequence_id,
        "licence": context.options.licence,
        "frame_index": seen.frame.index,
        "pts_s": seen.frame.pts_s,
        "frame_width_px": width,
        "frame_height_px": height,
        "shot_id": seen.shot,
        "emotion": context.source.emotion,
        "emotion_origin": context.source.emotion_origin,
    }


def write_crop(path: Path, crop: Pixels, *, flush: bool = False) -> None:
    """Write a crop atomically.

    Args:
        path: path of the crop; the suffix determines the format.
        crop: (side, side, 3) uint8 RGB.
        flush: whether to flush the file to the disk at once; an ingest flushes all crops of a part together.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    _, encoded = cv2.imencode(path.suffix, bgr, parameters)
    files.write_bytes(path, encoded.tobytes(), flush=flush)
