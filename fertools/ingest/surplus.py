"""Which faces of a crowded frame are more than were asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

BEYOND = "max_faces"
"""The reason of a face that was rejected because its frame holds so many larger ones."""


def reject_surplus(faces: list[dict[str, Any]], most: int | None) -> None:
    """Reject the kept faces that are beyond the `most` largest of their frame, as `max_faces`.

    The largest come first, as in facenet-pytorch's MTCNN: who is filmed is nearest to the camera, while scores of sure
    faces are all but equal. Only kept faces count, so that a large false alarm takes no place from a face.

    Args:
        faces: rows of one source with `frame_index`, `face_px` (pixels), `status` and `reason`; changed in place. Of
            equal sizes the earlier counts as larger.
        most: how many faces a frame may keep, 1 or more; None is any number.

    Example:
        >>> rows = [{"frame_index": 0, "face_px": px, "status": "kept", "reason": None} for px in (40.0, 90.0, 60.0)]
        >>> reject_surplus(rows, 2)
        >>> [row["reason"] for row in rows]
        ['max_faces', None, None]
    """
    if most is None:
        return
    seen: Counter[int] = Counter()
    for face in sorted((face for face in faces if face["status"] == "kept"), key=lambda face: -face["face_px"]):
        seen[face["frame_index"]] += 1
        if seen[face["frame_index"]] > most:
            face.update(status="rejected", reason=BEYOND)
