"""Put more rows than memory holds into the order of a key: an external merge sort.

Runs of rows are sorted in memory and written to an anonymous file in blocks. Then all runs are read side by side, one
block of each at a time. Rows up to the smallest last key of these blocks are complete, because every later row has a
larger key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from fertools.manifests import nested
from fertools.manifests.block_file import BlockFile

RUN_ROWS = 131_072
"""Rows that are sorted in memory, about 65 MB."""
BLOCK_ROWS = 8192
"""Rows of a run that are in memory during the merge, about 4 MB."""


def in_key_order(tables: Iterable[pa.Table], key: str, folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of some tables in the order of a key, in tables of any size.

    Args:
        tables: tables of one schema, in any order.
        key: name of a column of text without nulls. Rows of equal keys stay in their order.
        folder: folder of the temporary file. It is used only if there are more than RUN_ROWS rows.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    waiting: list[pa.Table] = []
    runs: list[list[int]] = []
    with closing(BlockFile(folder)) as file:
        for table in tables:
            waiting.append(table)
            if sum(map(len, waiting)) >= RUN_ROWS:
                run = _joined(waiting, key)
                runs.append([file.append(run.slice(row, BLOCK_ROWS)) for row in range(0, len(run), BLOCK_ROWS)])
                waiting = []
        last = [_joined(waiting, key)] if waiting else []
        yield from merge_runs([*(map(file.read, run) for run in runs), iter(last)], key)


def merge_runs(runs: Sequence[Iterator[pa.Table]], key: str) -> Iterator[pa.Table]:
    """Yield the rows of several runs in one order.

    Args:
        runs: tables of one schema; the rows of a run are in the order of the key. One table of each is in memory.
        key: name of a column of text without nulls.
    """
    heads = [(head, run) for run in runs if (head := _next(run)) is not None]
    while len(heads) > 1:
        bound = min(head[key][-1].as_py() for head, _ in heads)
        complete, rest = [], []
        for head, run in heads:
            count = bisect_right(head[key], bound, key=lambda cell: cell.as_py())
            complete.append(head.slice(0, count))
            left = head.slice(count) if count < len(head) else _next(run)
            if left is not None:
                rest.append((left, run))
        heads = rest
        yield _joined(complete, key)
    for head, run in heads:
        yield head
        yield from run


def _next(run: Iterator[pa.Table]) -> pa.Table | None:
    return next((table for table in run if len(table)), None)


def _joined(tables: Sequence[pa.Table], key: str) -> pa.Table:
    return nested.in_order(pa.concat_tables(tables).combine_chunks(), key)
