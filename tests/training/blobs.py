"""A small workspace of blob faces: people differ in colour and shape, expressions in the mouth and the brows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fertools.core.hashing import hash_bytes
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES

_MOUTHS = {  # bend (positive is a smile), opening
    "anger": (-0.3, 0.0),
    "disgust": (-0.6, 0.2),
    "fear": (-0.2, 0.6),
    "happiness": (1.0, 0.3),
    "neutral": (0.0, 0.0),
    "sadness": (-1.0, 0.0),
    "surprise": (0.0, 1.0),
}
_BROWS = {"anger": 1.0, "disgust": 0.5, "fear": -1.0, "sadness": -0.7, "surprise": -0.2}
_POINTS = {
    "anger": (-0.57, 0.63),
    "disgust": (-0.6, 0.35),
    "fear": (-0.64, 0.6),
    "happiness": (0.76, 0.48),
    "neutral": (0.0, 0.0),
    "sadness": (-0.63, -0.27),
    "surprise": (0.4, 0.67),
}


def draw_blob(subject: int, emotion: str, take: int, size_px: int = 72) -> NDArray[np.uint8]:
    """Return an SxSx3 RGB face."""
    person, rng = np.random.default_rng(subject), np.random.default_rng([subject, take, EMOTIONS.index(emotion)])
    picture = np.full((size_px, size_px, 3), person.integers(40, 200, 3), np.uint8)
    unit = size_px / 64
    middle = np.array([32, 32]) * unit + rng.normal(0, unit, 2)

    def place(x: float, y: float) -> tuple[int, int]:
        return int(middle[0] + x * unit), int(middle[1] + y * unit)

    skin = tuple(int(value) for value in person.integers(120, 240, 3))
    axes = (int((19 + person.integers(0, 5)) * unit), int((24 + person.integers(0, 4)) * unit))
    cv2.ellipse(picture, place(0, 0), axes, 0, 0, 360, skin, -1, cv2.LINE_AA)
    bend, opening = _MOUTHS[emotion]
    thick = max(1, int(2 * unit))
    for side in (-1, 1):
        cv2.circle(picture, place(8 * side, -6), thick + 1, (20, 20, 20), -1, cv2.LINE_AA)
        tilt = _BROWS.get(emotion, 0.0) * 3
        height = -14 - 3 * opening
        cv2.line(picture, place(5 * side, height + tilt), place(12 * side, height - tilt), (30, 20, 20), thick)
    xs = np.linspace(-9, 9, 13)
    ys = 13 - bend * 5 * ((xs / 9) ** 2 - 0.5)
    curve = np.array([place(x, y) for x, y in zip(xs, ys, strict=True)], np.int32)
    cv2.polylines(picture, [curve], False, (150, 30, 40), thick, cv2.LINE_AA)
    if opening:
        cv2.ellipse(picture, place(0, 14), (int(6 * unit), int(opening * 6 * unit) + 1), 0, 0, 360, (90, 10, 20), -1)
    return picture


def blob_rows(subjects: int = 4, takes: int = 1, **columns: Any) -> list[dict[str, Any]]:
    """Return rows of FACES: each subject shows each expression `takes` times and is a fold of its own."""
    rows = []
    for subject in range(subjects):
        for emotion in EMOTIONS:
            for take in range(takes):
                face_id = hash_bytes(f"{subject} {emotion} {take}".encode())
                valence, arousal = _POINTS[emotion]
                rows.append(
                    {
                        "face_id": face_id,
                        "source_id": hash_bytes(f"{subject} {emotion}".encode()),
                        "dataset": "blobs",
                        "modality": "visible",
                        "frame_index": take,
                        "path": f"faces/{face_id[:2]}/{face_id}.png",
                        "size_px": 72,
                        "interpolated": False,
                        "template": "loose",
                        "matrix": [[1.5, -0.5, 3.0], [0.5, 1.5, -7.0]],
                        "status": "kept",
                        "subject_id": f"p{subject:02}",
                        "subject_origin": "folder",
                        "emotion": emotion,
                        "emotion_origin": "folder",
                        "valence": valence,
                        "arousal": arousal,
                        "va_origin": "prior",
                        "fold": subject,
                        "_picture": (subject, emotion, take),
                    }
                    | columns
                )
    return rows


def write_blobs(root: Path, rows: list[dict[str, Any]] | None = None) -> Workspace:
    """Write a workspace with `rows` and their crops."""
    workspace = Workspace(root)
    rows = blob_rows() if rows is None else rows
    for row in rows:
        path = workspace.root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw_blob(*row["_picture"])[..., ::-1])
    clean = [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    store.write_table(workspace.manifest, FACES, FACES.table(clean))
    return workspace
