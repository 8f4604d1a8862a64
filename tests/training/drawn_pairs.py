"""A small workspace of drawn people, each moment in two modalities, such as visible light and thermal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from fertools.core.hashing import hash_bytes
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.samples.moments import draw_clip
from tests.training.blobs import blob_rows

MODALITIES = ("visible", "thermal")
_SIZE_PX = 48


def write_drawn_pairs(root: Path, people: int = 4, modalities: Sequence[str] = MODALITIES) -> Workspace:
    """Write a workspace in which everybody shows each expression once in each modality, and is a fold of their own."""
    workspace = Workspace(root)
    rows = []
    for row in blob_rows(people):
        subject, emotion, _ = row.pop("_picture")
        (moment,) = draw_clip(subject + 1, emotion, "lab", frames=1).moments
        for modality in modalities:
            face_id = hash_bytes(f"{modality} {row['face_id']}".encode())
            path = f"faces/{face_id[:2]}/{face_id}.png"
            (workspace.root / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(workspace.root / path), moment.picture(modality, _SIZE_PX)[..., ::-1])
            source_id = hash_bytes(f"{modality} {row['source_id']}".encode())
            rows.append(
                row
                | {"face_id": face_id, "source_id": source_id, "modality": modality, "path": path, "size_px": _SIZE_PX}
                | {"pair_id": f"{subject} {emotion}"}
            )
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    return workspace
