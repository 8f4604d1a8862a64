"""ImageFolder: `PART/EMOTION/FACE.jpg`, as torchvision, timm and the Hugging Face hub read it.

A dataset that is not split has no folder PART. The root holds no other folder, because each folder is a class there.
Without classes, all pictures are in one folder, and the table beside them says what they are.
"""

from __future__ import annotations

from fertools.core.outputs import safe_name
from fertools.transfer.exports.export_job import ExportJob, part_folders


def write_image_folder(job: ExportJob) -> list[str]:
    """Write the faces and return the path of each one below the export, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    return [
        job.copy(row, *part_folders(part), safe_name(row["emotion"]))
        for part in job.faces.parts
        for row in job.faces.rows(part)
    ]


def write_pictures(job: ExportJob) -> list[str]:
    """Write the faces into one folder and return the path of each one below the export, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    return [job.copy(row, "pictures") for part in job.faces.parts for row in job.faces.rows(part)]
