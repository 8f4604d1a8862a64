"""FiftyOne: `data/FACE.jpg` and `labels.json` per part, the layout `FiftyOneImageDetectionDataset`.

Each picture has one detection: its label is the number of the expression, its box has shares of the width and height,
and its attributes are the other labels. Open a part by `fiftyone.Dataset.from_dir`.
"""

from __future__ import annotations

import json
from pathlib import Path

from fertools.transfer.exports.crop_geometry import box_in_crop, crop_size
from fertools.transfer.exports.export_job import ATTRIBUTES, ExportJob, known_values, part_folders


def write_fiftyone(job: ExportJob) -> list[str]:
    """Write the faces and return the path of each one below the export, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    names = []
    for part in job.faces.parts:
        names += [job.copy(row, *part_folders(part), "data") for row in job.faces.rows(part)]
        with job.folder.writing(*part_folders(part), "labels.json") as temporary:
            if temporary is not None:
                _write(job, part, temporary)
    return names


def _write(job: ExportJob, part: str, path: Path) -> None:
    """Write the labels of a part row by row, because all of them together may not fit into memory."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"classes": ' + json.dumps(job.faces.classes, ensure_ascii=False) + ',\n"labels": {')
        for number, row in enumerate(job.faces.rows(part)):
            width, height = crop_size(row, job.picture(row))
            x, y, across, down = box_in_crop(row, width, height)
            detection = {
                "label": job.faces.classes.index(row["emotion"]),
                "bounding_box": [x / width, y / height, across / width, down / height],
                "attributes": known_values(row, ATTRIBUTES),
            }
            stream.write(("," if number else "") + f'\n"{row["face_id"]}": ')
            stream.write(json.dumps([detection], ensure_ascii=False))
        stream.write("\n}}\n")
