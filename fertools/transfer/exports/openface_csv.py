"""OpenFace: a CSV per video with a row per face, in the columns of OpenFace 2 that five landmarks can give.

These are frame, face, time, confidence, head pose, and the points 30, 48 and 54 of the 68: the tip of the nose and the
corners of the mouth. Gaze, the other points and action units are missing, because nothing here measures them. Our own
columns follow. Pictures that are no videos share one file, `pictures.csv`, as the frames of one sequence.

OpenFace turns a head by R = Rx Ry Rz in a camera frame with x to the right, y down and z away from the camera, in
radians. A face looks along -z there. So its pitch and yaw have the opposite sign of ours, and its roll has the same.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from fertools.transfer.exports.export_job import ExportJob, part_folders

_OPENFACE = ("frame", "face_id", "timestamp", "confidence", "success", "pose_Rx", "pose_Ry", "pose_Rz")
_POINTS = {"30": 2, "48": 3, "54": 4}
"""Numbers of points among the 68 of OpenFace, and their places among our five."""
_OWN = ("emotion", "valence", "arousal", "intensity", "subject_id", "dataset", "modality", "source_id")
_ORDER = ("source_id", "frame_index", "track_id", "face_id")
PICTURES = "pictures"
"""Name of the file of the faces of pictures."""


def write_openface(job: ExportJob) -> list[str]:
    """Write the faces and return the CSV file of each one, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    names: dict[str, str] = {}
    for part in job.faces.parts:
        for file, rows in _files(job, part):
            place = (*part_folders(part), f"{file}.csv")
            with job.folder.writing(*place) as temporary:
                if temporary is not None:
                    _write(temporary, rows, is_video=file != PICTURES)
            names |= dict.fromkeys((row["face_id"] for row in rows), "/".join(place))
            job.advance(len(rows))
    return [names[face_id] for face_id in job.faces.table["face_id"].to_pylist()]


def _files(job: ExportJob, part: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the rows of each file: one per video, and one for all pictures."""
    pictures: list[dict[str, Any]] = []
    for source, group in groupby(job.faces.rows(part, order=_ORDER), key=lambda row: str(row["source_id"])):
        rows = list(group)
        if any(row["frame_index"] or row["pts_s"] is not None for row in rows):
            yield source, rows
        else:
            pictures += rows
    if pictures:
        yield PICTURES, pictures


def _write(path: Path, rows: list[dict[str, Any]], *, is_video: bool) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        points = [f"{axis}_{point}" for axis in "xy" for point in _POINTS]
        writer.writerow([*_OPENFACE, *points, *_OWN, "fertools_face_id"])
        frames: dict[str, int] = {}
        for row in rows:
            # OpenFace counts frames from 1. The pictures of one sequence are counted in order.
            frame = (row["frame_index"] or 0) + 1 if is_video else frames.setdefault(row["source_id"], len(frames) + 1)
            score = row["det_score"]
            found = int(not row["interpolated"])
            angles = [_radians(row["pitch_deg"], -1), _radians(row["yaw_deg"], -1), _radians(row["roll_deg"], 1)]
            numbers = [frame, row["track_id"] or 0, row["pts_s"] or 0.0, "" if score is None else score, found]
            places = row["landmarks_smoothed"] or row["landmarks"]
            located = [
                "" if places is None else round(places[place][axis], 3) for axis in (0, 1) for place in _POINTS.values()
            ]
            own = ["" if row[name] is None else row[name] for name in _OWN]
            writer.writerow([*numbers, *angles, *located, *own, row["face_id"]])


def _radians(degrees: float | None, sign: int) -> float | str:
    return "" if degrees is None else round(sign * math.radians(degrees), 6) + 0.0
