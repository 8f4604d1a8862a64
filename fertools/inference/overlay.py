"""Draw predictions over the frames of a video or picture, and write them as a video or picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np

from fertools.core import files
from fertools.inference.frame_predictions import PredictedFrame
from fertools.inference.pictures import Rgb

_TICKS = Fraction(1, 1000)
_FRAME_TICKS = 40
"""Milliseconds between frames of a video that states no times."""
_COLOURS = ((230, 60, 60), (60, 160, 230), (70, 190, 90), (240, 160, 40), (170, 100, 220), (40, 190, 190))
"""RGB by track, in turn."""


def draw_predictions(rgb: Rgb, rows: tuple[dict[str, Any], ...]) -> Rgb:
    """Return a copy of a frame with the box, the track and the prediction of each face.

    Args:
        rgb: (H, W, 3) uint8.
        rows: rows of its faces, as in `PredictedFrame.rows`.
    """
    drawn = np.ascontiguousarray(rgb.copy())
    unit = max(0.35, min(drawn.shape[:2]) / 900)
    thick = max(1, round(2 * unit))
    for row in rows:
        colour = _COLOURS[(row["track_id"] or 0) % len(_COLOURS)]
        x1, y1, x2, y2 = (round(row[name]) for name in ("x1", "y1", "x2", "y2"))
        cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, thick)
        text = _words(row)
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, unit, thick)
        # Above the box, or inside of it where the picture ends.
        left = max(0, min(x1, drawn.shape[1] - width))
        base = y1 - below if y1 - below - height > 0 else y1 + height + below
        cv2.rectangle(drawn, (left, base - height - 2), (left + width, base + below), colour, -1)
        cv2.putText(drawn, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, unit, (255, 255, 255), thick, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)


def _words(row: dict[str, Any]) -> str:
    parts = [] if row["track_id"] is None else [f"#{row['track_id']}"]
    if row["emotion"] is not None:
        parts.append(f"{row['emotion']} {row['p_' + row['emotion']]:.2f}")
    if row["valence"] is not None:
        parts.append(f"v {row['valence']:+.2f} a {row['arousal']:+.2f}")
    return " ".join(parts)


class OverlayVideo:
    """Writes the frames of a video with their predictions as H.264; a frame keeps its time from the first one on.

    Args:
        path: path of the finished MP4 file; it appears when the block ends without an error, if a frame was added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._replacing = files.replacing(path, flush=False)
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._first_s: float | None = None
        self._tick = -1

    def __enter__(self) -> Self:
        self._container = av.open(str(self._replacing.__enter__()), "w", format="mp4")
        return self

    def add(self, frame: PredictedFrame) -> None:
        """Add a frame."""
        if self._container is None:
            raise ValueError("an overlay is written inside of its `with` block")
        drawn = draw_predictions(frame.rgb, frame.rows)
        if self._stream is None:
            height, width = drawn.shape[:2]
            self._stream = self._container.add_stream("libx264", rate=1000, options={"preset": "veryfast"})
            # 4:2:0 chroma needs even sides.
            self._stream.width, self._stream.height = max(2, width // 2 * 2), max(2, height // 2 * 2)
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._stream.codec_context.time_base = _TICKS
            self._first_s = frame.time_s
        if frame.time_s is None or self._first_s is None:
            self._tick += _FRAME_TICKS
        else:
            self._tick = max(round((frame.time_s - self._first_s) * 1000), self._tick + 1)
        picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
        picture = picture.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        picture.pts, picture.time_base = self._tick, _TICKS
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._container is not None:
                if kind is None and self._stream is not None:
                    self._container.mux(self._stream.encode())
                self._container.close()
        finally:
            self._replacing.__exit__(kind, error, trace)


def write_overlay_picture(path: Path, frame: PredictedFrame) -> None:
    """Write a picture with its predictions as PNG.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    coded = cv2.imencode(".png", draw_predictions(frame.rgb, frame.rows)[..., ::-1])[1]
    files.write_bytes(path, coded.tobytes())
