"""The manifest schema, version 1: the name, type and meaning of every column.

There are two tables: FACES has one row per face, and SOURCES has one row per video or image. The command
`python -m fertools.manifests.reference` writes `docs/reference/manifest.md` from this module; a test keeps them equal.

Null always means unknown. The order is always (valence, arousal).
"""

from __future__ import annotations

import pyarrow as pa

from fertools.manifests.table_schema import Column, TableSchema

STATUSES = ("kept", "rejected")
SOURCE_STATUSES = ("done", "empty", "failed", "duplicate")
SPLITS = ("train", "val", "test")
MODALITIES = ("visible", "thermal", "nir", ANIMATED := "animated")
SUBJECT_ORIGINS = ("dataset", "folder", "video", "identity", "person")


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
            "Identifier of the face: 32 hex digits derived from the source's content hash, the frame and the face's "
            "position in the frame. It does not depend on the order, the folder or the machine of the run.",
            required=True,
        ),
        Column("source_id", _TEXT, "Identity", "Identifier of the source: a row of `sources`.", required=True),
        Column("dataset", _TEXT, "Identity", "Name of the dataset; by default the name of the folder given to ingest."),
        Column("modality", _TEXT, "Identity", "How the picture was taken.", required=True, choices=MODALITIES),
        Column(
            "pair_id", _TEXT, "Identity", "Shared by faces of the same person at the same moment in several modalities."
        ),
        Column(
            "sequence_id",
            _TEXT,
            "Identity",
            "Shared by pictures that are frames of one take, within a dataset and modality. Their order is that of "
            "the numbers in their paths. Null for a frame of a video, whose sequence is its track.",
            added=True,
        ),
        Column("licence", _TEXT, "Identity", "Licence of the source: an SPDX identifier or a text."),
        Column(
            "frame_index",
            _I32,
            "Place",
            "Frame number in decoding order, from 0; 0 for an image.",
            bounds=(0, 2**31 - 1),
        ),
        Column(
            "pts_s",
            _F64,
            "Place",
            "Presentation time of the frame in seconds, from the container; null for an image.",
        ),
        Column(
            "frame_width_px",
            _I32,
            "Place",
            "Displayed width of the frame, where frames of one video differ in size; null for the source's width.",
            bounds=(1, 10**6),
        ),
        Column(
            "frame_height_px",
            _I32,
            "Place",
            "Displayed height of the frame, where frames of one video differ in size; null for the source's height.",
            bounds=(1, 10**6),
        ),
        Column(
            "shot_id",
            _I32,
            "Place",
            "Shot number in the video, from 0. A new shot begins at a cut and where the frame size changes.",
        ),
        Column(
            "track_id",
            _I32,
            "Place",
            "Track number in the video, from 0. A track is one face followed from frame to frame.",
        ),
        Column(
            "box",
            pa.list_(_F32, 4),
            "Place",
            "Detector's box: x1, y1, x2, y2 in source pixels. It may extend beyond the frame. For a source that is "
            "already a face crop, the box is the square that was used.",
        ),
        Column(
            "landmarks",
            _grid(5, 2, _F32),
            "Place",
            "Left eye, right eye, nose, left mouth corner and right mouth corner as (x, y) in source pixels. Left is "
            "the smaller x in an upright face. Null where no detector located them.",
        ),
        Column(
            "landmarks_smoothed",
            _grid(5, 2, _F32),
            "Place",
            "Landmarks smoothed over the track; the crop is aligned with them. Those of an interpolated face lie "
            "between the landmarks of its neighbours. Null for images, face crops and with `--smoothing 0`, where the "
            "crop is aligned with `landmarks`.",
        ),
        Column(
            "det_score",
            _F32,
            "Place",
            "Detector's face probability; null for an interpolated face, and where no detector ran.",
            bounds=(0, 1),
        ),
        Column(
            "interpolated",
            pa.bool_(),
            "Place",
            "Whether the face was interpolated: the detector missed it in this frame but found its track before and "
            "after. The crop is cut from this frame.",
            required=True,
        ),
        Column("path", _TEXT, "Crop", "Path of the aligned crop, relative to the workspace."),
        Column("size_px", _I32, "Crop", "Side of the square crop in pixels.", bounds=(1, 65536)),
        Column(
            "template",
            _TEXT,
            "Crop",
            "Landmark template that the crop is aligned to; `centre` for a face crop without landmarks, which is not "
            "aligned.",
        ),
        Column("matrix", _grid(2, 3, _F64), "Crop", "Similarity transform from source pixels to crop pixels."),
        Column(
            "crop_coverage",
            _F32,
            "Crop",
            "Share of the crop that is inside the picture; `--fill` says how the rest is filled.",
            bounds=(0, 1),
        ),
        Column(
            "face_px",
            _F32,
            "Quality",
            "Face size in the source: the geometric mean of the sides of the box, in pixels.",
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
            "Yaw of the head in degrees, estimated from the (smoothed) landmarks; positive towards larger x.",
            bounds=(-180, 180),
        ),
        Column(
            "pitch_deg",
            _F32,
            "Quality",
            "Pitch of the head in degrees, estimated from the (smoothed) landmarks; positive is up.",
            bounds=(-180, 180),
        ),
        Column(
            "roll_deg",
            _F32,
            "Quality",
            "Roll of the head in degrees: the tilt of the line between the eyes; positive is clockwise in the picture.",
            bounds=(-180, 180),
        ),
        Column(
            "status",
            _TEXT,
            "Quality",
            "Whether splits and training use the face (`kept`) or leave it out (`rejected`).",
            required=True,
            choices=STATUSES,
        ),
        Column("reason", _TEXT, "Quality", "Why the face is rejected; null for a kept face."),
        Column("subject_id", _TEXT, "Subject", "Identifier of the person; never the person's name."),
        Column("subject_origin", _TEXT, "Subject", "Where `subject_id` comes from.", choices=SUBJECT_ORIGINS),
        Column(
            "subject_confidence",
            _F32,
            "Subject",
            "Confidence in `subject_id`; null where the origin gives none.",
            bounds=(0, 1),
        ),
        Column(
            "emotion",
            _TEXT,
            "Labels",
            "Expression: anger, disgust, fear, happiness, neutral, sadness, surprise, or another label of the lexicon.",
        ),
        Column(
            "emotion_origin",
            _TEXT,
            "Labels",
            "Where `emotion` comes from: `folder`, `pattern`, `people`, `model`, or `import:` and the name of a file.",
        ),
        Column("valence", _F32, "Labels", "Valence, from unpleasant to pleasant.", bounds=(-1, 1)),
        Column("arousal", _F32, "Labels", "Arousal, from calm to excited.", bounds=(-1, 1)),
        Column(
            "va_origin",
            _TEXT,
            "Labels",
            "Where valence and arousal come from: `prior`, `people`, or `import:` and the name of a file.",
        ),
        Column(
            "va_raters",
            _I32,
            "Labels",
            "Number of raters of valence and arousal; null for a prior.",
            bounds=(0, 10**6),
        ),
        Column(
            "valence_spread",
            _F32,
            "Labels",
            "Standard deviation of valence over the raters (n - 1); null for fewer than two.",
            bounds=(0, 2),
        ),
        Column(
            "arousal_spread",
            _F32,
            "Labels",
            "Standard deviation of arousal over the raters (n - 1); null for fewer than two.",
            bounds=(0, 2),
        ),
        Column("intensity", _F32, "Labels", "Intensity of the expression, from none (0) to full (1).", bounds=(0, 1)),
        Column(
            "fold",
            _I32,
            "Protocol",
            "Number of the cross-validation fold that tests the face, from 0.",
            bounds=(0, 10**6),
        ),
        Column("split", _TEXT, "Protocol", "Part of a hold-out split.", choices=SPLITS),
        Column("weight", _F32, "Protocol", "Weight of the face in the loss; null means 1.", bounds=(0, 1e6)),
        Column(
            "parent_id", _TEXT, "Provenance", "The real face that a generated face was made from; null for a real face."
        ),
        Column("generator_run", _TEXT, "Provenance", "The training run of the generator; null for a real face."),
        Column("generator_folds", pa.list_(_I32), "Provenance", "The folds that the generator was not trained on."),
        Column("target_emotion", _TEXT, "Provenance", "Target expression of a generated face."),
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
            "Identifier of the source: 32 hex digits, the hash of the file's content. The path is hashed instead if "
            "the content cannot be read or equals that of another source.",
            required=True,
        ),
        Column(
            "path",
            _TEXT,
            "Identity",
            "Path of the file: relative if it is inside the workspace, else absolute.",
            required=True,
        ),
        Column("kind", _TEXT, "Identity", "Type of the file.", required=True, choices=("video", "image")),
        Column("dataset", _TEXT, "Identity", "Name of the dataset."),
        Column("modality", _TEXT, "Identity", "How the pictures were taken.", required=True, choices=MODALITIES),
        Column("licence", _TEXT, "Identity", "Licence of the source: an SPDX identifier or a text."),
        Column(
            "subject_id",
            _TEXT,
            "Labels",
            "Identifier of the person, taken from the file's path; null if each track is a subject.",
        ),
        Column("subject_origin", _TEXT, "Labels", "Where `subject_id` comes from.", choices=SUBJECT_ORIGINS),
        Column("emotion", _TEXT, "Labels", "Expression taken from the file's path."),
        Column("emotion_origin", _TEXT, "Labels", "Where `emotion` comes from."),
        Column(
            "width_px",
            _I32,
            "Measure",
            "Displayed width of the upright picture; the width of the largest frame if frames differ.",
            bounds=(0, 10**6),
        ),
        Column(
            "height_px",
            _I32,
            "Measure",
            "Displayed height of the upright picture; the height of the largest frame if frames differ.",
            bounds=(0, 10**6),
        ),
        Column("frames_decoded", _I32, "Measure", "Number of decoded frames; 1 for an image.", bounds=(0, 2**31 - 1)),
        Column(
            "frames_searched", _I32, "Measure", "Number of frames in which faces were searched.", bounds=(0, 2**31 - 1)
        ),
        Column(
            "duration_s",
            _F64,
            "Measure",
            "Time from the first frame to the last one, in seconds.",
            bounds=(0, 1e9),
        ),
        Column("faces_kept", _I32, "Measure", "Number of kept rows in `faces`.", bounds=(0, 2**31 - 1)),
        Column("faces_rejected", _I32, "Measure", "Number of rejected rows in `faces`.", bounds=(0, 2**31 - 1)),
        Column(
            "faces_interpolated",
            _I32,
            "Measure",
            "Number of interpolated rows in `faces`, kept or rejected.",
            bounds=(0, 2**31 - 1),
        ),
        Column(
            "status",
            _TEXT,
            "Outcome",
            "Result of ingest: faces found (`done`), no face (`empty`), `failed`, or a copy of a file (`duplicate`).",
            required=True,
            choices=SOURCE_STATUSES,
        ),
        Column(
            "reason",
            _TEXT,
            "Outcome",
            "Why the source failed, which file it duplicates, or which of its video streams was read.",
        ),
    ),
)

TABLES = (FACES, SOURCES)
LABEL_GROUPS = {
    "subject": ("subject_id", "subject_origin", "subject_confidence"),
    "emotion": ("emotion", "emotion_origin"),
    "valence and arousal": ("valence", "arousal", "va_origin", "va_raters", "valence_spread", "arousal_spread"),
    "intensity": ("intensity",),
    "pair": ("pair_id",),
    "sequence": ("sequence_id",),
    "fold": ("fold", "split", "weight"),
}
"""Columns of FACES that labels, subjects and splits fill, in groups of columns that change together."""
LABEL_COLUMNS = tuple(name for names in LABEL_GROUPS.values() for name in names)
"""All columns of LABEL_GROUPS; rebuilding the manifest from its parts keeps them for every face that is still there."""
