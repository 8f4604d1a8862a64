"""The manifest schema, version 1: what every column is called, holds and means.

Two tables: FACES has one row per face, SOURCES one row per video or image. `docs/reference/manifest.md` is made
from this module by `python -m fertools.manifests.reference`, and a test keeps the two equal.

Null means unknown, everywhere. Order is always (valence, arousal).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1
VERSION_KEY = b"fertools.schema_version"
"""Key of the Parquet file's own metadata under which the schema version is kept, as decimal digits."""

STATUSES = ("kept", "rejected")
SOURCE_STATUSES = ("done", "empty", "failed", "duplicate")
SPLITS = ("train", "val", "test")
MODALITIES = ("visible", "thermal", "nir", "animated")
SUBJECT_ORIGINS = ("dataset", "folder", "video", "identity", "person")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name.
        type: its Arrow type.
        group: the heading it stands under in the reference.
        doc: what it means, with units and range.
        required: whether null is an error.
        choices: the only values allowed, if they are few.
        bounds: the smallest and largest value allowed, both included.
    """

    name: str
    type: pa.DataType
    group: str
    doc: str
    required: bool = False
    choices: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class TableSchema:
    """The columns of one table, in order, and the column that it is sorted by and unique in."""

    name: str
    key: str
    columns: tuple[Column, ...]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema, with the schema version in its metadata."""
        fields = [pa.field(column.name, column.type, nullable=not column.required) for column in self.columns]
        return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Return `rows` as a table of this schema, sorted by its key; keys that a row lacks are null."""
        table = pa.Table.from_pylist(rows, schema=self.arrow)
        return table.sort_by(self.key).combine_chunks()


def _grid(rows: int, columns: int, type_: pa.DataType) -> pa.DataType:
    return pa.list_(pa.list_(type_, columns), rows)


_TEXT, _F32, _F64, _I32 = pa.string(), pa.float32(), pa.float64(), pa.int32()

FACES = TableSchema(
    name="faces",
    key="face_id",
    columns=(
        Column(
            "face_id",
            _TEXT,
            "Identity",
            "32 hex digits from the source's content hash, the frame and the face's "
            "place in it; the same for the same content whatever the order, folder or machine of the run.",
            required=True,
        ),
        Column("source_id", _TEXT, "Identity", "The row of `sources` that the face came from.", required=True),
        Column("dataset", _TEXT, "Identity", "Name of the dataset, by default that of the folder given to ingest."),
        Column("modality", _TEXT, "Identity", "What the picture was taken with.", required=True, choices=MODALITIES),
        Column("licence", _TEXT, "Identity", "SPDX identifier or the words of the source's terms."),
        Column(
            "frame_index",
            _I32,
            "Place",
            "Number of the frame in decoding order from 0; 0 for an image.",
            bounds=(0, 2**31 - 1),
        ),
        Column(
            "pts_s",
            _F64,
            "Place",
            "Presentation time of the frame in seconds, as the container states it; null for an image.",
        ),
        Column(
            "frame_width_px",
            _I32,
            "Place",
            "Width of the frame as shown, which in some videos changes; null for that of the source.",
            bounds=(1, 10**6),
        ),
        Column("frame_height_px", _I32, "Place", "Height of the frame as shown, likewise.", bounds=(1, 10**6)),
        Column(
            "shot_id",
            _I32,
            "Place",
            "Number of the shot in its video, from 0; a cut begins a new one, and so does another size of the frames.",
        ),
        Column(
            "track_id",
            _I32,
            "Place",
            "Number of the track in its video, from 0; a track is one face followed through frames.",
        ),
        Column(
            "box",
            pa.list_(_F32, 4),
            "Place",
            "x1, y1, x2, y2 of the detector's box in source pixels; it may reach past the frame. Of a source that is a "
            "face crop already, the square that was taken.",
        ),
        Column(
            "landmarks",
            _grid(5, 2, _F32),
            "Place",
            "Left eye, right eye, nose, left mouth corner, right mouth corner as (x, y) in source "
            "pixels; left is the smaller x in an upright picture. Null where nothing placed them.",
        ),
        Column(
            "landmarks_smoothed",
            _grid(5, 2, _F32),
            "Place",
            "The same points made steady within their track, which the crop is aligned by; of an interpolated face, "
            "those between its neighbours'. Null in images, in face crops and with `--smoothing 0`: the crop is then "
            "aligned by `landmarks`.",
        ),
        Column(
            "det_score",
            _F32,
            "Place",
            "The detector's face probability; null where none looked, and for an interpolated face.",
            bounds=(0, 1),
        ),
        Column(
            "interpolated",
            pa.bool_(),
            "Place",
            "Whether the detector missed the face in this frame and it was put between where its track was seen before "
            "and after; the crop is cut from this frame.",
            required=True,
        ),
        Column("path", _TEXT, "Crop", "The aligned crop, relative to the workspace."),
        Column("size_px", _I32, "Crop", "Side of the square crop in pixels.", bounds=(1, 65536)),
        Column(
            "template",
            _TEXT,
            "Crop",
            "Name of the landmark template that the crop is aligned to; `centre` for the square of a face crop without "
            "landmarks.",
        ),
        Column("matrix", _grid(2, 3, _F64), "Crop", "Similarity transform from source pixels to crop pixels."),
        Column(
            "crop_coverage",
            _F32,
            "Crop",
            "Share of the crop that is picture; the rest lies beyond its edge and is filled (`--fill`).",
            bounds=(0, 1),
        ),
        Column(
            "face_px",
            _F32,
            "Quality",
            "Size of the face in the source: the geometric mean of the box's sides, in pixels.",
            bounds=(0, 1e6),
        ),
        Column(
            "blur", _F32, "Quality", "Variance of the Laplacian of the grey crop; larger is sharper.", bounds=(0, 1e9)
        ),
        Column("brightness", _F32, "Quality", "Mean luma of the crop.", bounds=(0, 1)),
        Column(
            "yaw_deg",
            _F32,
            "Quality",
            "Turn of the head from the five points, smoothed where they are, in degrees; positive towards larger x.",
            bounds=(-180, 180),
        ),
        Column(
            "pitch_deg",
            _F32,
            "Quality",
            "Nod of the head from the five points, in degrees; positive is up.",
            bounds=(-180, 180),
        ),
        Column(
            "roll_deg",
            _F32,
            "Quality",
            "Tilt of the line between the eyes, in degrees; positive is clockwise in the picture.",
            bounds=(-180, 180),
        ),
        Column(
            "status",
            _TEXT,
            "Quality",
            "Whether the face takes part in splits and training.",
            required=True,
            choices=STATUSES,
        ),
        Column("reason", _TEXT, "Quality", "Why the face is rejected; null for a kept one."),
        Column("subject_id", _TEXT, "Subject", "The person, by an identifier that is never a name."),
        Column("subject_origin", _TEXT, "Subject", "Where `subject_id` comes from.", choices=SUBJECT_ORIGINS),
        Column(
            "subject_confidence",
            _F32,
            "Subject",
            "Confidence in `subject_id`; null where the origin states none.",
            bounds=(0, 1),
        ),
        Column(
            "emotion",
            _TEXT,
            "Labels",
            "anger, disgust, fear, happiness, neutral, sadness, surprise, or a wider label of the lexicon.",
        ),
        Column(
            "emotion_origin",
            _TEXT,
            "Labels",
            "Where `emotion` comes from: `folder`, `pattern`, `people`, or `import:` and a file's name.",
        ),
        Column("valence", _F32, "Labels", "From unpleasant to pleasant.", bounds=(-1, 1)),
        Column("arousal", _F32, "Labels", "From calm to excited.", bounds=(-1, 1)),
        Column(
            "va_origin",
            _TEXT,
            "Labels",
            "Where valence and arousal come from: `prior`, `people`, or `import:` and a file's name.",
        ),
        Column(
            "va_raters",
            _I32,
            "Labels",
            "How many people rated valence and arousal; null for a prior.",
            bounds=(0, 10**6),
        ),
        Column(
            "valence_spread",
            _F32,
            "Labels",
            "Standard deviation between the raters' valences, with n - 1; null for fewer than two.",
            bounds=(0, 2),
        ),
        Column("arousal_spread", _F32, "Labels", "The same of arousal.", bounds=(0, 2)),
        Column("intensity", _F32, "Labels", "Strength of the expression, from none to full.", bounds=(0, 1)),
        Column(
            "fold",
            _I32,
            "Protocol",
            "Number of the cross-validation fold that the face is tested in, from 0.",
            bounds=(0, 10**6),
        ),
        Column("split", _TEXT, "Protocol", "Part of a hold-out protocol.", choices=SPLITS),
        Column("weight", _F32, "Protocol", "Weight of the face in a loss; null is 1.", bounds=(0, 1e6)),
        Column("parent_id", _TEXT, "Provenance", "The face that a generated face was made from; null for a real one."),
        Column("generator_run", _TEXT, "Provenance", "The training run that made a generated face."),
        Column("generator_fold", _I32, "Provenance", "The fold that the generator never saw.", bounds=(0, 10**6)),
        Column("target_emotion", _TEXT, "Provenance", "The expression that a generated face was asked to show."),
    ),
)

SOURCES = TableSchema(
    name="sources",
    key="source_id",
    columns=(
        Column(
            "source_id",
            _TEXT,
            "Identity",
            "Content hash of the file (32 hex digits); of its path where the content cannot be read or "
            "is that of another source.",
            required=True,
        ),
        Column(
            "path", _TEXT, "Identity", "The file, relative to the workspace if below it, else absolute.", required=True
        ),
        Column("kind", _TEXT, "Identity", "What the file is.", required=True, choices=("video", "image")),
        Column("dataset", _TEXT, "Identity", "Name of the dataset."),
        Column("modality", _TEXT, "Identity", "What the pictures were taken with.", required=True, choices=MODALITIES),
        Column("licence", _TEXT, "Identity", "SPDX identifier or the words of the source's terms."),
        Column(
            "subject_id",
            _TEXT,
            "Labels",
            "The person that the file's place says it shows; null if each track is a subject.",
        ),
        Column("subject_origin", _TEXT, "Labels", "Where `subject_id` comes from.", choices=SUBJECT_ORIGINS),
        Column("emotion", _TEXT, "Labels", "The label that the file's place gives."),
        Column("emotion_origin", _TEXT, "Labels", "Where `emotion` comes from."),
        Column(
            "width_px",
            _I32,
            "Measure",
            "Width of the picture as shown, turned upright; of the largest frame where their size changes.",
            bounds=(0, 10**6),
        ),
        Column("height_px", _I32, "Measure", "Height of the picture as shown, likewise.", bounds=(0, 10**6)),
        Column(
            "frames_decoded", _I32, "Measure", "Frames that could be decoded; 1 for an image.", bounds=(0, 2**31 - 1)
        ),
        Column("frames_searched", _I32, "Measure", "Frames that faces were looked for in.", bounds=(0, 2**31 - 1)),
        Column(
            "duration_s",
            _F64,
            "Measure",
            "From the first frame's presentation to the last one's, in seconds.",
            bounds=(0, 1e9),
        ),
        Column("faces_kept", _I32, "Measure", "Rows of `faces` with status kept.", bounds=(0, 2**31 - 1)),
        Column("faces_rejected", _I32, "Measure", "Rows of `faces` with status rejected.", bounds=(0, 2**31 - 1)),
        Column(
            "faces_interpolated",
            _I32,
            "Measure",
            "How many of the kept and the rejected ones were interpolated, not detected.",
            bounds=(0, 2**31 - 1),
        ),
        Column(
            "status",
            _TEXT,
            "Outcome",
            "How ingest ended for this file: with faces, without any, not at all, or as a copy of another.",
            required=True,
            choices=SOURCE_STATUSES,
        ),
        Column(
            "reason",
            _TEXT,
            "Outcome",
            "Why a source failed, what it is a copy of, or which of its video streams was read.",
        ),
    ),
)

TABLES = (FACES, SOURCES)
LABEL_GROUPS = {
    "subject": ("subject_id", "subject_origin", "subject_confidence"),
    "emotion": ("emotion", "emotion_origin"),
    "valence and arousal": ("valence", "arousal", "va_origin", "va_raters", "valence_spread", "arousal_spread"),
    "intensity": ("intensity",),
    "fold": ("fold", "split", "weight"),
}
"""Columns of FACES that labels, subjects and splits fill, in groups of columns that change together."""
LABEL_COLUMNS = tuple(name for names in LABEL_GROUPS.values() for name in names)
"""All columns of LABEL_GROUPS; rebuilding the manifest from its parts keeps them for every face that is still there."""
