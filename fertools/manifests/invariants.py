"""The invariants of a manifest: one function per invariant, which returns the violating identifiers.

The schema defines the checks of single columns (nulls, choices, bounds). The invariants here relate columns, rows,
tables and files. A violation is named by the identifier of a face or source, a leak by its sentence.

An invariant of rows looks at each row alone, so it is checked on some rows at a time. An invariant of tables compares
rows; it names the columns of the manifest that it needs, and only these are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests.crop_files import missing_crops
from fertools.manifests.leaks import COLUMNS as LEAK_COLUMNS
from fertools.manifests.leaks import find_leaks
from fertools.manifests.pair_invariants import PAIR_COLUMNS, repeated_modalities, unlike_pairs
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.sequence_invariants import SEQUENCE_COLUMNS, unlike_sequences
from fertools.manifests.table_schema import TableSchema
from fertools.manifests.track_invariants import (
    backward_times,
    lost_between,
    placeless_faces,
    seen_between,
    trackless_smoothing,
)
from fertools.manifests.validation_context import (
    SOURCE_NUMBER,
    Mask,
    ValidationContext,
    equals,
    is_among,
    is_true,
    list_values,
    source_numbers,
    valid,
    violating_faces,
    violating_ids,
)

SIMILARITY_TOLERANCE = 1e-5
"""Allowed deviation of a matrix from a similarity transform, relative to its scale: float32 rounding with a margin."""


@dataclass(frozen=True)
class Invariant:
    """A rule that every manifest keeps.

    Attributes:
        name: short name, such as `box-order`.
        sentence: what is wrong with the violations, to follow their number: "3 boxes are not finite".
        find: function that returns the violating identifiers.
        columns: columns of the manifest that an invariant of tables needs; empty for an invariant of rows.
    """

    name: str
    sentence: str
    find: Callable[[ValidationContext], Sequence[str]]
    columns: tuple[str, ...] = ()


def repeated_keys(context: ValidationContext) -> Sequence[str]:
    """Find identifiers that occur more than once in a table."""
    found: list[str] = []
    for keys in _keys(context):
        if not pc.all(pc.less(keys[:-1], keys[1:]), min_count=0).as_py():
            counts = pc.value_counts(keys)
            found += counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    return found


def unsorted_keys(context: ValidationContext) -> Sequence[str]:
    """Find identifiers that follow a larger one."""
    return [name for keys in _keys(context) for name in keys[1:].filter(pc.less(keys[1:], keys[:-1])).to_pylist()]


def _keys(context: ValidationContext) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    return context.faces[FACES.key], context.every_source[SOURCES.key]


def unknown_labels(context: ValidationContext) -> Sequence[str]:
    """Find emotions that are not in the lexicon."""
    labels = pa.array(context.labels, pa.string())
    found: list[str] = []
    for table, schema, name in (
        (context.faces, FACES, "emotion"),
        (context.faces, FACES, "target_emotion"),
        (context.sources, SOURCES, "emotion"),
    ):
        found += violating_ids(table, schema, valid(table, name) & ~is_among(table, name, labels))
    return found


def unpaired_origins(context: ValidationContext) -> Sequence[str]:
    """Find an emotion or subject without its origin, and an origin without a value."""
    found: list[str] = []
    for table, schema in ((context.faces, FACES), (context.sources, SOURCES)):
        for name in ("emotion", "subject"):
            value = "subject_id" if name == "subject" else name
            found += violating_ids(table, schema, valid(table, value) != valid(table, f"{name}_origin"))
    return found


def unpaired_va(context: ValidationContext) -> Sequence[str]:
    """Find valence without arousal, and arousal without valence."""
    return violating_faces(context, valid(context.faces, "valence") != valid(context.faces, "arousal"))


def unpaired_va_origins(context: ValidationContext) -> Sequence[str]:
    """Find valence and arousal without an origin, and an origin without values."""
    given = valid(context.faces, "valence") | valid(context.faces, "arousal")
    return violating_faces(context, given != valid(context.faces, "va_origin"))


def baseless_priors(context: ValidationContext) -> Sequence[str]:
    """Find priors of faces without an emotion, and priors with raters."""
    prior = equals(context.faces, "va_origin", "prior")
    return violating_faces(context, prior & (~valid(context.faces, "emotion") | valid(context.faces, "va_raters")))


def bad_boxes(context: ValidationContext) -> Sequence[str]:
    """Find boxes that are not finite or have no area."""
    x1, y1, x2, y2 = list_values(context.faces, "box", 4).T
    # NaN compares as False, so a box that is not finite is not good.
    good = (x2 > x1) & (y2 > y1) & np.isfinite(x2 - x1) & np.isfinite(y2 - y1)
    return violating_faces(context, valid(context.faces, "box") & ~good)


def outside_boxes(context: ValidationContext) -> Sequence[str]:
    """Find boxes that lie entirely outside their frame."""
    width, height = (
        pc.cast(pc.coalesce(context.faces[f"frame_{name}"], context.of_source(name)), pa.float64())
        for name in ("width_px", "height_px")
    )
    x1, y1, x2, y2 = list_values(context.faces, "box", 4).T
    # An unknown size is NaN here, which compares as False.
    outside = (x2 <= 0) | (y2 <= 0) | (x1 >= width.to_numpy()) | (y1 >= height.to_numpy())
    return violating_faces(context, valid(context.faces, "box") & outside)


def bad_landmarks(context: ValidationContext) -> Sequence[str]:
    """Find detected or smoothed landmarks that are not finite."""
    broken = np.zeros(len(context.faces), np.bool_)
    for name in ("landmarks", "landmarks_smoothed"):
        finite = np.isfinite(list_values(context.faces, name, 10)).all(axis=1)
        broken |= valid(context.faces, name) & ~finite
    return violating_faces(context, broken)


def bad_matrices(context: ValidationContext) -> Sequence[str]:
    """Find matrices that are not a similarity transform without reflection."""
    a, b, x, c, d, y = list_values(context.faces, "matrix", 6).T
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.hypot(a, c)
        strain = np.maximum(np.abs(a - d), np.abs(b + c))
        good = (scale > 0) & (a * d - b * c > 0) & (strain <= SIMILARITY_TOLERANCE * scale) & np.isfinite(x + y)
    return violating_faces(context, valid(context.faces, "matrix") & ~good)


def unpaired_reasons(context: ValidationContext) -> Sequence[str]:
    """Find rejected faces without a reason, kept faces with one, and failed sources without one."""
    faces = equals(context.faces, "status", "rejected") != valid(context.faces, "reason")
    bad = equals(context.sources, "status", "failed") | equals(context.sources, "status", "duplicate")
    lacking = violating_ids(context.sources, SOURCES, bad & ~valid(context.sources, "reason"))
    return [*violating_faces(context, faces), *lacking]


def nameless_crops(context: ValidationContext) -> Sequence[str]:
    """Find kept faces without a crop path or a crop size."""
    lacking = ~valid(context.faces, "path") | ~valid(context.faces, "size_px")
    return violating_faces(context, equals(context.faces, "status", "kept") & lacking)


def damaged_crops(context: ValidationContext) -> Sequence[str]:
    """Find crops that cannot be decoded, or whose size differs from the manifest."""
    # Imported here, so that only this check loads Pillow.
    from PIL import Image

    broken = np.zeros(len(context.faces), np.bool_)
    pairs = zip(context.faces["path"].to_pylist(), context.faces["size_px"].to_pylist(), strict=True)
    for row, (path, size_px) in enumerate(pairs):
        if path is None or not (context.workspace.root / path).is_file():
            continue
        try:
            with Image.open(context.workspace.root / path) as crop:
                crop.load()
                broken[row] = crop.size != (size_px, size_px)
        # Pillow raises many kinds of error for damaged files, SyntaxError among them.
        except Exception:
            broken[row] = True
    return violating_faces(context, broken)


def unknown_sources(context: ValidationContext) -> Sequence[str]:
    """Find faces whose source is not in the sources table."""
    return violating_faces(context, source_numbers(context) >= len(context.every_source))


def wrong_counts(context: ValidationContext) -> Sequence[str]:
    """Find sources whose counts of kept, rejected and interpolated faces differ from the manifest's real faces."""
    numbers, sources = source_numbers(context), context.every_source
    real = ~valid(context.faces, "parent_id") & (numbers < len(sources))
    wrong = np.zeros(len(sources), np.bool_)
    which = {status: equals(context.faces, "status", status) for status in ("kept", "rejected")}
    for name, mask in {**which, "interpolated": is_true(context.faces, "interpolated")}.items():
        actual = np.bincount(numbers[real & mask], minlength=len(sources))
        wrong |= actual != pc.fill_null(sources[f"faces_{name}"], 0).to_numpy()
    return violating_ids(sources, SOURCES, wrong)


def wrong_outcomes(context: ValidationContext) -> Sequence[str]:
    """Find sources with faces that are not `done`, and `done` sources without faces."""
    sources = context.every_source
    with_faces = np.bincount(source_numbers(context), minlength=len(sources))[: len(sources)] > 0
    return violating_ids(sources, SOURCES, with_faces != equals(sources, "status", "done"))


def leaks(context: ValidationContext) -> Sequence[str]:
    """Find people, generated faces and sources that are in two parts of the split."""
    return find_leaks(context.faces, by_source=context.by_source)


def double_protocols(context: ValidationContext) -> Sequence[str]:
    """Find faces with both a fold and a hold-out part, and rejected faces with either."""
    fold, side = valid(context.faces, "fold"), valid(context.faces, "split")
    return violating_faces(context, (fold & side) | (equals(context.faces, "status", "rejected") & (fold | side)))


def missing_folds(context: ValidationContext) -> Sequence[str]:
    """Find fold numbers below the largest one that no face has."""
    present = set(pc.unique(context.faces["fold"].drop_null()).to_pylist())
    return [f"fold {number}" for number in range(max(present, default=-1)) if number not in present]


def unknown_parents(context: ValidationContext) -> Sequence[str]:
    """Find generated faces whose parent is not in the manifest."""
    parents = pc.unique(context.faces["parent_id"].drop_null())
    # There are far fewer parents than faces, so looking for the parents among the faces needs less memory.
    there = context.faces["face_id"].filter(pc.is_in(context.faces["face_id"], value_set=parents)).combine_chunks()
    return violating_faces(context, valid(context.faces, "parent_id") & ~is_among(context.faces, "parent_id", there))


def unpaired_provenance(context: ValidationContext) -> Sequence[str]:
    """Find generated faces without a parent, run or target expression; the fold may be unknown."""
    given = np.stack([valid(context.faces, name) for name in ("parent_id", "generator_run", "target_emotion")])
    alone = valid(context.faces, "generator_folds") & ~given.all(axis=0)
    return violating_faces(context, (given.any(axis=0) & ~given.all(axis=0)) | alone)


def broken_columns(table: pa.Table, schema: TableSchema) -> dict[str, tuple[str, Sequence[str]]]:
    """Return violations of the schema: for each `table.column`, the broken rule and the violating identifiers."""
    found: dict[str, tuple[str, Sequence[str]]] = {}
    for column in schema.columns:
        values, filled = table[column.name], valid(table, column.name)
        broken = ~filled if column.required else np.zeros(len(table), np.bool_)
        rule = "is not null" if column.required else ""
        if column.choices is not None:
            broken = broken | (filled & ~is_among(table, column.name, pa.array(column.choices, pa.string())))
            rule = f"is one of {', '.join(column.choices)}"
        elif column.bounds is not None:
            broken = broken | (filled & ~_within(values, column.bounds))
            rule = f"is in [{column.bounds[0]:g}, {column.bounds[1]:g}]"
        if broken.any():
            found[f"{schema.name}.{column.name}"] = (rule, violating_ids(table, schema, broken))
    return found


def _within(values: Any, bounds: tuple[float, float]) -> Mask:
    numbers = pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)
    # A null is NaN here and counts as outside; the caller excludes nulls.
    return np.asarray((numbers >= bounds[0]) & (numbers <= bounds[1]), np.bool_)


INVARIANTS = (
    Invariant("key-unique", "identifiers occur more than once in a table", repeated_keys, ("face_id",)),
    Invariant("key-sorted", "rows follow a row with a larger identifier", unsorted_keys, ("face_id",)),
    Invariant("source-known", "faces have a source that is not in the sources table", unknown_sources),
    Invariant(
        "source-outcome",
        "sources are `done` without faces, or have faces but are not `done`",
        wrong_outcomes,
        (SOURCE_NUMBER,),
    ),
    Invariant(
        "source-counts",
        "sources have wrong counts of kept, rejected or interpolated faces",
        wrong_counts,
        (SOURCE_NUMBER, "status", "parent_id", "interpolated"),
    ),
    Invariant("place-complete", "faces lack a frame number, or in a video a shot or track number", placeless_faces),
    Invariant(
        "time-order",
        "faces have an earlier time than a previous frame of their source, or no finite time",
        backward_times,
        (SOURCE_NUMBER, "frame_index", "pts_s"),
    ),
    Invariant("box-order", "boxes are not finite or have no area (x2 > x1 and y2 > y1)", bad_boxes),
    Invariant("box-inside", "boxes lie entirely outside their frame", outside_boxes),
    Invariant("landmarks-finite", "faces have landmarks that are not finite", bad_landmarks),
    Invariant(
        "smoothed-tracked",
        "faces have smoothed landmarks but no track, or no landmarks to smooth",
        trackless_smoothing,
    ),
    Invariant(
        "interpolated-unseen",
        "interpolated faces have a detector score or detected landmarks, or lack smoothed landmarks",
        seen_between,
    ),
    Invariant(
        "interpolated-between",
        "interpolated faces do not lie between detected faces of their track, or share a frame with one",
        lost_between,
        (SOURCE_NUMBER, "shot_id", "track_id", "frame_index", "interpolated", "parent_id"),
    ),
    Invariant(
        "matrix-similarity", "matrices are not a similarity transform (rotation, uniform scale and shift)", bad_matrices
    ),
    Invariant(
        "reason-complete",
        "faces are rejected or sources failed without a reason, or faces are kept with one",
        unpaired_reasons,
    ),
    Invariant("crop-named", "kept faces have no crop path or no crop size", nameless_crops),
    Invariant("crop-exists", "crops do not exist", missing_crops, ("path",)),
    Invariant("emotion-known", "rows have an emotion that is not in the lexicon", unknown_labels),
    Invariant(
        "origin-complete",
        "rows have an emotion or subject without its origin, or an origin without a value",
        unpaired_origins,
    ),
    Invariant("va-pair", "faces have only one of valence and arousal", unpaired_va),
    Invariant(
        "va-origin",
        "faces have valence and arousal without an origin, or an origin without values",
        unpaired_va_origins,
    ),
    Invariant("prior-base", "priors belong to faces without an emotion, or have raters", baseless_priors),
    Invariant("pair-subject", "pairs show different people at one moment", unlike_pairs, PAIR_COLUMNS),
    Invariant("pair-modality", "pairs have several faces in one modality", repeated_modalities, PAIR_COLUMNS),
    Invariant("sequence-subject", "sequences of pictures show several people", unlike_sequences, SEQUENCE_COLUMNS),
    Invariant(
        "split-leaks", "leaks are in the split: a person, generated face or source is in two parts", leaks, LEAK_COLUMNS
    ),
    Invariant(
        "split-single", "faces have both a fold and a hold-out part, or are rejected but have one", double_protocols
    ),
    Invariant("folds-contiguous", "folds below the largest fold number have no face", missing_folds, ("fold",)),
    Invariant(
        "parent-known",
        "generated faces have a parent that is not in the manifest",
        unknown_parents,
        ("face_id", "parent_id"),
    ),
    Invariant("provenance-complete", "faces have incomplete provenance", unpaired_provenance),
)
"""The invariants that every validation checks, in the order of its report."""

CROPS_DECODE = Invariant("crop-decodes", "crops cannot be decoded or have the wrong size", damaged_crops)
"""The invariant that only a deep validation checks, because it reads every crop."""
