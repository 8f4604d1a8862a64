"""Generated faces for the index of the browse page, as many as wanted, without a file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fertools.manifests.schema import FACES
from fertools.views.browse.face_index import COLUMNS

_WORDS = {
    "emotion": ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", None],
    "dataset": ["films", "laboratory", "web"],
    "modality": ["visible", "thermal"],
    "split": ["train", "val", "test", None],
    "status": ["kept", "kept", "kept", "rejected"],
    "reason": [None],
}


def made_table(count: int, seed: int = 1) -> pa.Table:
    """Return `count` generated faces with the columns that the index reads: one person and source per 100 faces."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in COLUMNS:
        kind = FACES.arrow.field(name).type
        if name in _WORDS:
            words = pa.array(_WORDS[name], pa.string())
            values = words.take(pa.array(rng.integers(len(words), size=count)))
        elif name in ("subject_id", "source_id"):
            words = pa.array([f"{name}-{number:06}" for number in range(max(1, count // 100))])
            values = words.take(pa.array(rng.integers(len(words), size=count)))
        elif name == "face_id":
            values = pa.array([f"{number:032x}" for number in range(count)])
        elif pa.types.is_string(kind):
            values = pa.nulls(count, kind)
        elif pa.types.is_boolean(kind):
            values = pa.array(rng.random(count) < 0.1)
        elif pa.types.is_integer(kind):
            values = pa.array(rng.integers(10, size=count).astype(np.int32))
        else:
            values = pa.array(rng.normal(size=count), kind, mask=rng.random(count) < 0.1)
        columns[name] = values
    return pa.table(columns)
