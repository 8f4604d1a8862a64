"""COCO: pictures in a folder per part, and `annotations/instances_PART.json` with a box and five keypoints per face.

The pictures are the crops, so each has one annotation. Its category is the expression.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from fertools.transfer.exports.crop_geometry import box_in_crop, crop_size, points_in_crop
from fertools.transfer.exports.export_job import ATTRIBUTES, ExportJob, known_values, picture_name

_KEYPOINTS = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
_VISIBLE = 2
"""The flag of a keypoint that is labelled and visible."""


def write_coco(job: ExportJob) -> list[str]:
    """Write the faces and return the path of each one below the export, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    names = []
    for part in job.faces.parts:
        names += [job.copy(row, part) for row in job.faces.rows(part)]
        with job.folder.writing("annotations", f"instances_{part}.json") as temporary:
            if temporary is not None:
                _write(job, part, temporary)
    return names


def _write(job: ExportJob, part: str, path: Path) -> None:
    """Write the annotations of a part row by row, because all of them together may not fit into memory."""
    licences = sorted(set(job.faces.table["licence"].to_pylist()) - {None})
    categories = [
        {"id": number, "name": label, "supercategory": "face", "keypoints": _KEYPOINTS, "skeleton": []}
        for number, label in enumerate(job.faces.classes, start=1)
    ]
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"info": ' + _text({"description": "faces exported by fertools", "version": "1"}))
        stream.write(',\n"licenses": ' + _text([{"id": place, "name": name} for place, name in enumerate(licences, 1)]))
        stream.write(',\n"categories": ' + _text(categories))
        _list(stream, "images", _images(job, part, licences))
        _list(stream, "annotations", _annotations(job, part))
        stream.write("\n}\n")


def _list(stream: IO[str], name: str, entries: Iterator[dict[str, Any]]) -> None:
    stream.write(f',\n"{name}": [')
    for number, entry in enumerate(entries):
        stream.write(("," if number else "") + "\n" + _text(entry))
    stream.write("\n]")


def _images(job: ExportJob, part: str, licences: list[str]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(job.faces.rows(part), start=1):
        width, height = crop_size(row, job.picture(row))
        image = {"id": number, "file_name": picture_name(row), "width": width, "height": height}
        yield image if row["licence"] is None else image | {"license": licences.index(row["licence"]) + 1}


def _annotations(job: ExportJob, part: str) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(job.faces.rows(part), start=1):
        box = box_in_crop(row, *crop_size(row, job.picture(row)))
        points = points_in_crop(row)
        yield {
            "id": number,
            "image_id": number,
            "category_id": job.faces.classes.index(row["emotion"]) + 1,
            "bbox": [round(value, 2) for value in box],
            "area": round(box[2] * box[3], 2),
            "iscrowd": 0,
            "num_keypoints": 0 if points is None else len(points),
            "keypoints": [0, 0, 0] * len(_KEYPOINTS)
            if points is None
            else [number for x, y in points.tolist() for number in (round(x, 2), round(y, 2), _VISIBLE)],
            "attributes": known_values(row, ("face_id", *ATTRIBUTES)),
        }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
