"""The real faces beside which made ones are set, as a table in the folder of a translator's run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fertools.core import files
from fertools.core.errors import SchemaError
from fertools.core.parquet import read_parquet
from fertools.training.data.selection import Selection
from fertools.training.evaluation.cached_outputs import OUTPUTS_FOLDER

_COLUMNS = ("face_id", "subject_id", "emotion", "valence", "arousal")
_ADDED = ("held_out", "domain")
_NAME = "originals.parquet"


def write_originals(root: Path, selection: Selection) -> None:
    """Write who the real faces of both sides are and what they show.

    Args:
        root: folder of the run.
        selection: faces that it was trained and tested on; those kept for validation count as training faces.
    """
    parts = [
        faces.table.select(list(_COLUMNS))
        .append_column("held_out", pa.array(faces.held_out))
        .append_column("domain", pa.array([name] * len(faces.table), pa.string()))
        .replace_schema_metadata(None)
        for name, faces in selection.domains.items()
    ]
    table = pa.concat_tables(parts)
    with files.replacing(root / OUTPUTS_FOLDER / _NAME) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def read_originals(root: Path, *, held_out: bool) -> pa.Table:
    """Return the real faces of one side that `write_originals` wrote.

    Args:
        root: folder of the run.
        held_out: those that the translator has never seen, or the others.

    Raises:
        SchemaError: the file is damaged, or no such table.
    """
    path = root / OUTPUTS_FOLDER / _NAME
    table = read_parquet(path, remedy="remove it, and let the pictures be read again")
    if set(table.column_names) != {*_COLUMNS, *_ADDED}:
        raise SchemaError(f"{path} is no table of real faces; remove it, and let the pictures be read again")
    return table.filter(pc.equal(table["held_out"], held_out)).drop_columns(["held_out"]).combine_chunks()
