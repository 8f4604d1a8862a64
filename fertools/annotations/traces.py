"""Traces of playing videos: replay the takes of the log into one value per frame.

A take is one recording. During a take, the page samples the pointer at every repaint with the frame on the screen. The
samples of a frame are averaged. A later take replaces earlier ones between its first and its last frame, on its axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from fertools.annotations.connection import explained
from fertools.annotations.events import SAMPLE_COLUMNS
from fertools.annotations.log import RatingLog
from fertools.core.parquet import checked

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TRACE_COLUMNS = ("rater", "source_id", "frame_index", "media_s", "valence", "arousal", "event_id", "done_ms")
_PIECES = """
SELECT e.rater, e.body FROM events e WHERE e.kind = 'trace' {clause}
ORDER BY e.done_ms, e.number
"""
_TAKES = """
SELECT e.rater, e.event_id, json_extract(e.body, '$.source'), json_extract(e.body, '$.axis'), e.done_ms
FROM events e WHERE e.kind = 'take' {clause} ORDER BY e.done_ms, e.number
"""
_FIELDS = pa.schema([pa.field("take", pa.string()), *(pa.field(n, pa.list_(pa.float64())) for n in SAMPLE_COLUMNS)])


@dataclass(frozen=True)
class _Layer:
    """The values of one axis, frame by frame.

    Attributes:
        frames: N frame numbers.
        media_s: N media times of the browser in seconds.
        means: N means of the samples.
        takes: N numbers of the takes.
    """

    frames: Integers
    media_s: Floats
    means: Floats
    takes: Integers

    def under(self, newer: _Layer) -> _Layer:
        """Return this layer merged with a newer take, which alone counts between its first and last frame."""
        kept = (self.frames < newer.frames[0]) | (self.frames > newer.frames[-1])
        return _Layer(
            *(
                np.concatenate([getattr(self, name)[kept], getattr(newer, name)])
                for name in ("frames", "media_s", "means", "takes")
            )
        )


def replay_traces(
    log: RatingLog, undone: set[str], *, rater: str | None = None, source_id: str | None = None
) -> pd.DataFrame:
    """Return one row per rater, source and traced frame.

    Args:
        log: the log of rating events.
        undone: identifiers of undone events.
        rater: name of the rater, together with `source_id`; None for all.
        source_id: identifier of the source, together with `rater`; None for all.

    Returns:
        The columns of TRACE_COLUMNS, sorted by rater, source and frame. `media_s` is the browser's media time of the
        frame. `valence` and `arousal` are null where the axis was not rated. `event_id` and `done_ms` belong to the
        latest take of the two axes.
    """
    takes = read_takes(log, undone, rater=rater, source_id=source_id)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(takes["rater"], takes["source_id"], strict=True)):
        groups.setdefault(key, []).append(row)
    replayed = [_replay(takes, groups[key]) for key in sorted(groups)]
    if not replayed:
        kinds = dict(zip(TRACE_COLUMNS, ("O", "O", "i4", "f8", "f8", "f8", "O", "i8"), strict=True))
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    frames, media_s, valence, arousal, chosen = (np.concatenate(column) for column in zip(*replayed, strict=True))
    sizes = [len(columns[0]) for columns in replayed]
    # Categories store a name once that occurs a million times.
    name_of = [pd.Categorical([key[place] for key in sorted(groups)]) for place in (0, 1)]
    return pd.DataFrame(
        {
            "rater": name_of[0].repeat(sizes),
            "source_id": name_of[1].repeat(sizes),
            "frame_index": frames.astype(np.int32),
            "media_s": media_s,
            "valence": valence,
            "arousal": arousal,
            "event_id": pd.Categorical(takes["event_id"])[chosen],
            "done_ms": takes["done_ms"].to_numpy(np.int64)[chosen],
        }
    )


def read_takes(
    log: RatingLog, undone: Iterable[str] = (), *, rater: str | None = None, source_id: str | None = None
) -> pd.DataFrame:
    """Return the raw samples of every take, in the order of their start.

    Args:
        log: the log of rating events.
        undone: identifiers of takes to leave out.
        rater: name of the rater, together with `source_id`; None for all.
        source_id: identifier of the source, together with `rater`; None for all.

    Returns:
        Columns `rater`, `event_id`, `source_id`, `axis`, `done_ms` and `samples`: N x 5 float64 of frame, media time in
        seconds, milliseconds since the start of the take, valence and arousal (NaN where the axis was not rated). Takes
        without samples are left out.
    """
    left_out = set(undone)
    about: tuple[str, ...] = () if rater is None else (rater, f"source:{source_id}")
    clause = "AND e.number IN (SELECT number FROM about WHERE rater = ? AND item = ?)" if about else ""
    with explained(log.path):
        pieces = _read_pieces(log.connection.execute(_PIECES.format(clause=clause), about).fetchall())
    rows = [
        (who, event_id, source, axis, done_ms, pieces[who, event_id])
        for who, event_id, source, axis, done_ms in log.connection.execute(_TAKES.format(clause=clause), about)
        if event_id not in left_out and (who, event_id) in pieces
    ]
    return pd.DataFrame(rows, columns=["rater", "event_id", "source_id", "axis", "done_ms", "samples"])


def _read_pieces(rows: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Floats]:
    """Return the samples by rater and take, from the raters and bodies of trace events in order."""
    if not rows:
        return {}
    lines = "\n".join(body for _, body in rows).encode()
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(block_size=max(len(lines) // 8, 1 << 22)),
        parse_options=pj.ParseOptions(explicit_schema=_FIELDS, unexpected_field_behavior="ignore"),
    )
    checked(table)
    samples = np.stack(
        [pc.list_flatten(table[name]).to_numpy(zero_copy_only=False) for name in SAMPLE_COLUMNS], axis=1
    ).astype(np.float64)
    keys = list(zip((rater for rater, _ in rows), table["take"].to_pylist(), strict=True))
    ends = np.cumsum(pc.list_value_length(table["frames"]).to_numpy(zero_copy_only=False))
    found: dict[tuple[str, str], list[Floats]] = {}
    for key, piece in zip(keys, np.split(samples, ends[:-1]), strict=True):
        found.setdefault(key, []).append(piece)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _replay(takes: pd.DataFrame, rows: Sequence[int]) -> tuple[Integers, Floats, Floats, Floats, Integers]:
    """Return frames, media times, valence, arousal and latest take for one rater's takes of one source."""
    layers: dict[str, _Layer] = {}
    for row in rows:
        axis, samples = takes["axis"].iloc[row], takes["samples"].iloc[row]
        for name in ("valence", "arousal") if axis == "both" else (str(axis),):
            new = _by_frame(samples, name, row)
            layers[name] = layers[name].under(new) if name in layers else new
    frames = np.unique(np.concatenate([layer.frames for layer in layers.values()]))
    media_s, chosen = np.full(len(frames), np.nan), np.full(len(frames), -1, np.int64)
    values = {name: np.full(len(frames), np.nan) for name in ("valence", "arousal")}
    for name, layer in layers.items():
        places = np.searchsorted(frames, layer.frames)
        values[name][places] = layer.means
        media_s[places] = np.where(np.isnan(media_s[places]), layer.media_s, media_s[places])
        # Takes are numbered in order, so the larger number is the later take.
        chosen[places] = np.maximum(chosen[places], layer.takes)
    return frames, media_s, values["valence"], values["arousal"], chosen


def _by_frame(samples: Any, axis: str, take: int) -> _Layer:
    """Return the mean of a take's samples per frame, on one axis."""
    frames, first, number = np.unique(samples[:, 0].astype(np.int64), return_index=True, return_inverse=True)
    values = samples[:, SAMPLE_COLUMNS.index(axis)]
    means = np.bincount(number, values) / np.bincount(number)
    return _Layer(frames, samples[first, 1], means, np.full(len(frames), take, np.int64))
