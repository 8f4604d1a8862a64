"""WebDataset: tars of samples, each with a picture, a `.json` with the labels, and a `.cls` if the emotion is known.

The number in `.cls` is the line of the label in `classes.txt`, from 0. The tars have no times and no owners, so the
same faces give the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from fertools.transfer.exports.export_job import LABELS, ExportJob, known_values


def write_tars(job: ExportJob) -> list[str]:
    """Write the faces and return the tar of each one, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    with job.folder.writing("classes.txt") as temporary:
        if temporary is not None:
            temporary.write_text("".join(f"{label}\n" for label in job.faces.classes), encoding="utf-8")
    names = []
    for part in job.faces.parts:
        for number, rows in enumerate(job.faces.blocks(part, job.shard_faces)):
            name = f"{part}-{number:06d}.tar"
            with job.folder.writing(name) as temporary:
                if temporary is not None:
                    _write(job, temporary, rows)
            names += [name] * len(rows)
            job.advance(len(rows))
    return names


def _write(job: ExportJob, path: Path, rows: list[dict[str, Any]]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows:
            contents = {PurePosixPath(row["path"]).suffix: job.picture(row).read_bytes()}
            contents[".json"] = json.dumps(known_values(row, LABELS), ensure_ascii=False).encode()
            if row["emotion"] is not None:
                contents[".cls"] = str(job.faces.classes.index(row["emotion"])).encode()
            for suffix, content in contents.items():
                member = tarfile.TarInfo(f"{row['face_id']}{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
