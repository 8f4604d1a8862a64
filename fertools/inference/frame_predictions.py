"""Predict every face of one video or picture: detect, track, align, predict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fertools.inference.model import Model
from fertools.inference.pictures import Rgb
from fertools.ingestion.pipeline import SourceContext
from fertools.ingestion.steps import Decode, Detect, Track
from fertools.ingestion.temporal_buffer import Face, FrameFaces

_FRAMES = 8
"""Frames whose faces are predicted together."""


@dataclass(frozen=True)
class PredictedFrame:
    """A frame with a row for each of its faces.

    Attributes:
        rgb: (H, W, 3) uint8, upright.
        time_s: presentation time in seconds; None in a picture, and in a video without times.
        rows: the values of `prediction_schema` for each face, without `source`.
    """

    rgb: Rgb
    time_s: float | None
    rows: tuple[dict[str, Any], ...]


def prediction_schema(model: Model) -> pa.Schema:
    """Return the columns of the table of predictions, which depend on what the model predicts.

    `source` is the path of the file. `shot` and `track_id` are null in pictures. `x1` to `y2` is the box in pixels.
    """
    whole, real = pa.int32(), pa.float32()
    fields = [pa.field("source", pa.string()), pa.field("frame_index", whole), pa.field("time_s", pa.float64())]
    fields += [pa.field(name, whole) for name in ("shot", "track_id")]
    fields += [pa.field(name, real) for name in ("x1", "y1", "x2", "y2", "score")]
    if model.classes:
        fields += [pa.field("emotion", pa.string()), *(pa.field(f"p_{name}", real) for name in model.classes)]
    if model.predicts_va:
        fields += [pa.field(name, real) for name in ("valence", "arousal")]
    return pa.schema(fields)


def predict_frames(model: Model, context: SourceContext) -> Iterator[PredictedFrame]:
    """Yield the searched frames of a source with the predictions of their faces.

    A face counts from the score on from which the preset `standard` of an ingest keeps it.

    Args:
        model: model that predicts and aligns its own crops.
        context: the source, the options of the search, and the detector.
    """
    least = context.search.detector.score_levels.confident
    most = context.options.max_faces
    with ExitStack() as stack:
        frames: Iterator[FrameFaces] = iter(())
        for step in (Decode(), Detect(), Track()):
            frames = stack.enter_context(closing(step.run(frames, context)))
        waiting: list[tuple[FrameFaces, list[Face]]] = []
        for seen in frames:
            sure = [face for face in seen.faces if face.score is not None and face.score >= least]
            waiting.append((seen, sorted(sure, key=_area, reverse=True)[:most]))
            if len(waiting) == _FRAMES:
                yield from _predict(model, waiting)
                waiting = []
        yield from _predict(model, waiting)


def _predict(model: Model, waiting: list[tuple[FrameFaces, list[Face]]]) -> Iterator[PredictedFrame]:
    crops = [model.align(seen.frame.rgb, face.best_points) for seen, faces in waiting for face in faces]
    found = iter(model.predict(crops, aligned=True) if crops else ())
    for seen, faces in waiting:
        rows = []
        for face in faces:
            predicted = next(found)
            x1, y1, x2, y2 = face.box.tolist()
            row: dict[str, Any] = {"frame_index": seen.frame.index, "time_s": seen.frame.pts_s, "shot": seen.shot}
            row |= {"track_id": face.track, "x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": face.score}
            row |= {"emotion": predicted.emotion, "valence": predicted.valence, "arousal": predicted.arousal}
            row |= {f"p_{name}": value for name, value in predicted.probabilities.items()}
            rows.append(row)
        yield PredictedFrame(seen.frame.rgb, seen.frame.pts_s, tuple(rows))


def _area(face: Face) -> float:
    x1, y1, x2, y2 = face.box.tolist()
    return float((x2 - x1) * (y2 - y1))
