"""Number the sources of faces, so that ten million faces are joined with their sources by row and not by identifier."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def number_sources(of_faces: pa.ChunkedArray, known: pa.ChunkedArray) -> NDArray[np.int32]:
    """Return a number for the source of each face, the same for faces of one source.

    Args:
        of_faces: the `source_id` of N faces.
        known: the `source_id` of each row of the sources table.

    Returns:
        (N,) the row in the sources table; for a source that is not in it, a number from `len(known)`.

    Example:
        >>> number_sources(pa.chunked_array([["b", "x", "b"]]), pa.chunked_array([["a", "b"]])).tolist()
        [1, 2, 1]
    """
    rows = pc.index_in(of_faces, value_set=known.combine_chunks())
    numbers = pc.fill_null(rows, -1).to_numpy().astype(np.int32)
    unknown = np.flatnonzero(numbers < 0)
    if len(unknown):
        strangers = of_faces.take(pa.array(unknown)).combine_chunks().dictionary_encode()
        numbers[unknown] = len(known) + strangers.indices.fill_null(len(strangers.dictionary)).to_numpy()
    return np.asarray(numbers, np.int32)
