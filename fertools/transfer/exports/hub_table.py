"""Hugging Face: Parquet files in `data/`, whose metadata say which column holds pictures and which holds classes.

`datasets.load_dataset(FOLDER)` opens them, and the hub shows them. A file is named `PART-00000-of-00002.parquet`, from
which that library takes the name of the split.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fertools.manifests.schema import FACES
from fertools.transfer.exports.export_job import LABELS, ExportJob, picture_name

_GROUP_ROWS = 100
"""Rows per row group. Readers of single rows, such as the viewer of the hub, read a group of pictures for each."""
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_hub_tables(job: ExportJob) -> list[str]:
    """Write the faces and return the Parquet file of each one, in the order of the table.

    Args:
        job: the faces and the folder.
    """
    schema = _schema(job.faces.classes)
    names = []
    for part, count in job.faces.parts.items():
        shards = -(-count // job.shard_faces)
        for number, rows in enumerate(job.faces.blocks(part, job.shard_faces)):
            name = f"{part}-{number:05d}-of-{shards:05d}.parquet"
            with job.folder.writing("data", name) as temporary:
                if temporary is not None:
                    table = pa.Table.from_pylist([_row(job, row) for row in rows], schema)
                    pq.write_table(table, temporary, row_group_size=_GROUP_ROWS, compression="zstd")
            names += [f"data/{name}"] * len(rows)
            job.advance(len(rows))
    return names


def _row(job: ExportJob, row: dict[str, Any]) -> dict[str, Any]:
    image = {"bytes": job.picture(row).read_bytes(), "path": picture_name(row)}
    label = None if row["emotion"] is None else job.faces.classes.index(row["emotion"])
    return {"image": image, "label": label, **{name: row[name] for name in LABELS}}


def _schema(classes: tuple[str, ...]) -> pa.Schema:
    columns = [FACES.arrow.field(name).with_nullable(True) for name in LABELS]
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        **{field.name: {"dtype": _dtype(field.type), "_type": "Value"} for field in columns},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([("image", _IMAGE), ("label", pa.int64()), *columns], metadata=metadata)


def _dtype(type_: pa.DataType) -> str:
    return {pa.float32(): "float32", pa.float64(): "float64"}.get(type_, str(type_))
