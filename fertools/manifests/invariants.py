"""What must be true of a manifest: one function per invariant, each returning the names of those that break it.

Checks of single columns (nulls, choices, bounds) come from the schema; the ones here tie columns, rows, tables and
files together. Faces and sources are named by identifier, a leak by its sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fertools.manifests import nested
from fertools.manifests.leaks import find_leaks
from fertools.manifests.schema import FACES, SOURCES, TableSchema
from fertools.manifests.track_invariants import (
    backward_times,
    lost_between,
    placeless_faces,
    seen_between,
    trackless_smoothing,
)
from fertools.manifests.validation_context import (
    Mask,
    ValidationContext,
    equals,
    is_among,
    list_values,
    valid,
    violating_faces,
    violating_ids,
)

SIMILARITY_TOLERANCE = 1e-5
"""How far a matrix may be from a similarity, relative to its scale: the rounding of float32 and a margin."""


@dataclass(frozen=True)
class Invariant:
    """One thing that must be true.

    Attributes:
        name: short name, such as `box-order`.
        sentence: what is wrong with those that break it, to be read after their number.
        find: returns the names of those that break it.
    """

    name: str
    sentence: str
    find: Callable[[ValidationContext], Sequence[str]]


def repeated_keys(context: ValidationContext) -> list[str]:
    """Find identifiers that several rows of a table have."""
    found = []
    for table, schema in ((context.faces, FACES), (context.sources, SOURCES)):
        counts = pc.value_counts(table[schema.key])
        found += counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    return found


def unsorted_keys(context: ValidationContext) -> list[str]:
    """Find identifiers that come after a larger one."""
    found = []
    for table, schema in ((context.faces, FACES), (context.sources, SOURCES)):
        key = table[schema.key].combine_chunks()
        found += key[1:].filter(pc.less(key[1:], key[:-1])).to_pylist()
    return found


def unknown_labels(context: ValidationContext) -> list[str]:
    """Find emotions that the lexicon does not have."""
    labels, found = pa.array(context.labels, pa.string()), []
    for table, schema, name in (
        (context.faces, FACES, "emotion"),
        (context.faces, FACES, "target_emotion"),
        (context.sources, SOURCES, "emotion"),
    ):
        found += violating_ids(table, schema, valid(table, name) & ~is_among(table, name, labels))
    return found


def unpaired_origins(context: ValidationContext) -> list[str]:
    """Find an emotion or subject without an origin, and an origin without what it is the origin of."""
    found = []
    for table, schema in ((context.faces, FACES), (context.sources, SOURCES)):
        for name in ("emotion", "subject"):
            value = "subject_id" if name == "subject" else name
            found += violating_ids(table, schema, valid(table, value) != valid(table, f"{name}_origin"))
    return found


def unpaired_va(context: ValidationContext) -> list[str]:
    """Find valence without arousal and the reverse."""
    return violating_faces(context, valid(context.faces, "valence") != valid(context.faces, "arousal"))


def unpaired_va_origins(context: ValidationContext) -> list[str]:
    """Find valence and arousal without an origin, and the reverse."""
    given = valid(context.faces, "valence") | valid(context.faces, "arousal")
    return violating_faces(context, given != valid(context.faces, "va_origin"))


def baseless_priors(context: ValidationContext) -> list[str]:
    """Find priors without an emotion to come from, or with raters."""
    prior = equals(context.faces, "va_origin", "prior")
    return violating_faces(context, prior & (~valid(context.faces, "emotion") | valid(context.faces, "va_raters")))


def bad_boxes(context: ValidationContext) -> list[str]:
    """Find boxes that are not finite or have no area."""
    x1, y1, x2, y2 = list_values(context.faces, "box", 4).T
    # Nan compares as False, so a box that is not finite is not good.
    good = (x2 > x1) & (y2 > y1) & np.isfinite(x2 - x1) & np.isfinite(y2 - y1)
    return violating_faces(context, valid(context.faces, "box") & ~good)


def outside_boxes(context: ValidationContext) -> list[str]:
    """Find boxes that show nothing of their frame."""
    place = pc.index_in(context.faces["source_id"], value_set=context.sources["source_id"].combine_chunks())
    width, height = (
        pc.cast(pc.coalesce(context.faces[f"frame_{name}"], pc.take(context.sources[name], place)), pa.float64())
        for name in ("width_px", "height_px")
    )
    x1, y1, x2, y2 = list_values(context.faces, "box", 4).T
    # Where a size is not known it is nan here, which compares as False.
    outside = (x2 <= 0) | (y2 <= 0) | (x1 >= width.to_numpy()) | (y1 >= height.to_numpy())
    return violating_faces(context, valid(context.faces, "box") & outside)


def bad_landmarks(context: ValidationContext) -> list[str]:
    """Find landmarks, detected or smoothed, that are not finite."""
    broken = np.zeros(len(context.faces), np.bool_)
    for name in ("landmarks", "landmarks_smoothed"):
        finite = np.isfinite(list_values(context.faces, name, 10)).all(axis=1)
        broken |= valid(context.faces, name) & ~finite
    return violating_faces(context, broken)


def bad_matrices(context: ValidationContext) -> list[str]:
    """Find matrices that shear, stretch, mirror or collapse."""
    a, b, x, c, d, y = list_values(context.faces, "matrix", 6).T
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.hypot(a, c)
        strain = np.maximum(np.abs(a - d), np.abs(b + c))
        good = (scale > 0) & (a * d - b * c > 0) & (strain <= SIMILARITY_TOLERANCE * scale) & np.isfinite(x + y)
    return violating_faces(context, valid(context.faces, "matrix") & ~good)


def unpaired_reasons(context: ValidationContext) -> list[str]:
    """Find rejected faces without a reason and kept ones with one, and failed sources without one."""
    faces = equals(context.faces, "status", "rejected") != valid(context.faces, "reason")
    bad = equals(context.sources, "status", "failed") | equals(context.sources, "status", "duplicate")
    return violating_faces(context, faces) + violating_ids(
        context.sources, SOURCES, bad & ~valid(context.sources, "reason")
    )


def nameless_crops(context: ValidationContext) -> list[str]:
    """Find kept faces that have no crop to learn from."""
    lacking = ~valid(context.faces, "path") | ~valid(context.faces, "size_px")
    return violating_faces(context, equals(context.faces, "status", "kept") & lacking)


def missing_crops(context: ValidationContext) -> list[str]:
    """Find crops that are not on the disk."""
    paths = context.faces["path"].to_pylist()
    there: dict[str, set[str]] = {}
    broken = np.zeros(len(paths), np.bool_)
    for row, path in enumerate(paths):
        if path is not None:
            folder, _, name = path.rpartition("/")
            if folder not in there:
                there[folder] = _files_in(context, folder)
            broken[row] = name not in there[folder]
    return violating_faces(context, broken)


def _files_in(context: ValidationContext, folder: str) -> set[str]:
    try:
        with os.scandir(context.workspace.root / folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except OSError:
        return set()


def damaged_crops(context: ValidationContext) -> list[str]:
    """Find crops on the disk that cannot be decoded, or are of another size than their row says."""
    # Here, so that what does not look into pictures does not load Pillow.
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


def unknown_sources(context: ValidationContext) -> list[str]:
    """Find faces whose source is not in the sources table."""
    return violating_faces(
        context, ~is_among(context.faces, "source_id", context.sources["source_id"].combine_chunks())
    )


def wrong_counts(context: ValidationContext) -> list[str]:
    """Find sources whose numbers of kept, rejected and interpolated faces are not those of the manifest's real ones."""
    real = nested.keep(context.faces, pc.is_null(context.faces["parent_id"]))
    wrong = np.zeros(len(context.sources), np.bool_)
    which = {status: pc.equal(real["status"], status) for status in ("kept", "rejected")}
    for name, mask in {**which, "interpolated": real["interpolated"]}.items():
        counts = pc.value_counts(real.filter(mask)["source_id"])
        position = pc.index_in(context.sources["source_id"], value_set=counts.field("values"))
        actual = pc.fill_null(pc.take(counts.field("counts"), position), 0).to_numpy()
        stated = pc.fill_null(context.sources[f"faces_{name}"], 0).to_numpy()
        wrong |= actual != stated
    return violating_ids(context.sources, SOURCES, wrong)


def wrong_outcomes(context: ValidationContext) -> list[str]:
    """Find sources with faces that are not done, and done ones without."""
    with_faces = is_among(context.sources, "source_id", pc.unique(context.faces["source_id"]))
    return violating_ids(context.sources, SOURCES, with_faces != equals(context.sources, "status", "done"))


def leaks(context: ValidationContext) -> list[str]:
    """Find people, generated faces and sources on two sides of the split."""
    return find_leaks(context.faces, by_source=context.by_source)


def double_protocols(context: ValidationContext) -> list[str]:
    """Find faces with both a fold and a side of a hold-out, and rejected faces with either."""
    fold, side = valid(context.faces, "fold"), valid(context.faces, "split")
    return violating_faces(context, (fold & side) | (equals(context.faces, "status", "rejected") & (fold | side)))


def missing_folds(context: ValidationContext) -> list[str]:
    """Find numbers below the largest fold that no face has."""
    present = set(pc.unique(context.faces["fold"].drop_null()).to_pylist())
    return [f"fold {number}" for number in range(max(present, default=-1)) if number not in present]


def unknown_parents(context: ValidationContext) -> list[str]:
    """Find generated faces whose parent is not in the manifest."""
    known = is_among(context.faces, "parent_id", context.faces["face_id"].combine_chunks())
    return violating_faces(context, valid(context.faces, "parent_id") & ~known)


def unpaired_provenance(context: ValidationContext) -> list[str]:
    """Find generated faces that do not say what, by which run and as what; the fold may be unknown."""
    told = np.stack([valid(context.faces, name) for name in ("parent_id", "generator_run", "target_emotion")])
    alone = valid(context.faces, "generator_fold") & ~told.all(axis=0)
    return violating_faces(context, (told.any(axis=0) & ~told.all(axis=0)) | alone)


def broken_columns(table: pa.Table, schema: TableSchema) -> dict[str, tuple[str, list[str]]]:
    """Return what breaks the schema's own rules: per `table.column`, what is wrong and the names of the rows."""
    found: dict[str, tuple[str, list[str]]] = {}
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
    # Null is nan here, and nan is outside; the caller leaves nulls out.
    return np.asarray((numbers >= bounds[0]) & (numbers <= bounds[1]), np.bool_)


INVARIANTS = (
    Invariant("key-unique", "identifiers are in a table more than once", repeated_keys),
    Invariant("key-sorted", "rows stand after a larger identifier", unsorted_keys),
    Invariant("source-known", "faces name a source that the sources table lacks", unknown_sources),
    Invariant("source-outcome", "sources are done without a face, or have faces without being done", wrong_outcomes),
    Invariant(
        "source-counts",
        "sources state other numbers of kept, rejected or interpolated faces than there are",
        wrong_counts,
    ),
    Invariant("place-complete", "faces lack their frame, or in a video their shot or track", placeless_faces),
    Invariant(
        "time-order", "faces are shown before an earlier frame of their source, or at no finite time", backward_times
    ),
    Invariant("box-order", "boxes are not finite or have no area (x2 > x1 and y2 > y1)", bad_boxes),
    Invariant("box-inside", "boxes lie outside their frame", outside_boxes),
    Invariant("landmarks-finite", "faces have landmarks that are not finite", bad_landmarks),
    Invariant(
        "smoothed-tracked",
        "faces have smoothed landmarks without a track, or without landmarks to smooth",
        trackless_smoothing,
    ),
    Invariant(
        "interpolated-unseen",
        "interpolated faces have a score or landmarks of the detector, or no smoothed ones",
        seen_between,
    ),
    Invariant(
        "interpolated-between",
        "interpolated faces do not lie between detected faces of their track, or where it was detected",
        lost_between,
    ),
    Invariant("matrix-similarity", "matrices are not a turn, one scale and a shift", bad_matrices),
    Invariant(
        "reason-complete", "faces are rejected or sources failed without a reason, or kept with one", unpaired_reasons
    ),
    Invariant("crop-named", "kept faces have no crop path or size", nameless_crops),
    Invariant("crop-exists", "crops are not on the disk", missing_crops),
    Invariant("emotion-known", "rows have an emotion that the lexicon lacks", unknown_labels),
    Invariant(
        "origin-complete", "rows have an emotion or subject without its origin, or the reverse", unpaired_origins
    ),
    Invariant("va-pair", "faces have valence or arousal without the other", unpaired_va),
    Invariant("va-origin", "faces have valence and arousal without their origin, or the reverse", unpaired_va_origins),
    Invariant("prior-base", "priors have no emotion to come from, or claim raters", baseless_priors),
    Invariant("split-leaks", "leaks are in the split", leaks),
    Invariant("split-single", "faces have a fold and a split at once, or are rejected and have one", double_protocols),
    Invariant("folds-contiguous", "folds below the largest one have no face", missing_folds),
    Invariant("parent-known", "generated faces name a parent that the manifest lacks", unknown_parents),
    Invariant("provenance-complete", "faces have a part of their provenance only", unpaired_provenance),
)
"""All invariants that look at every run, in the order of the report."""

CROPS_DECODE = Invariant("crop-decodes", "crops cannot be decoded or are of another size", damaged_crops)
"""The one that reads every crop, for a deep validation."""
