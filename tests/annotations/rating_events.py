"""Events to test with, and a workspace to rate."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fertools.annotations.events import Event, Known, parse_event
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from tests.conftest import write_clip
from tests.manifests.rows import Row, build, face, identify, source

_NUMBERS = itertools.count(1)


class Everything:
    """A container that holds whatever is asked for."""

    def __contains__(self, item: object) -> bool:
        return True


KNOWN = Known(Everything(), Everything(), frozenset(EMOTIONS))


def raw(kind: str, at_ms: int = 0, **body: Any) -> dict[str, Any]:
    """Return an event as a page sends it, with an identifier of its own."""
    return {"id": f"event-{next(_NUMBERS):08d}", "kind": kind, "tab": "tab", "at_ms": at_ms, **body}


def event(kind: str, at_ms: int = 0, **body: Any) -> Event:
    """Return the same, checked."""
    return parse_event(raw(kind, at_ms, **body), KNOWN)


def piece(take: str, frames: list[int], valence: list[Any], arousal: list[Any], source_id: str = "s") -> dict[str, Any]:
    """Return the body of a piece of trace at 25 frames per second."""
    return {
        "source": source_id,
        "take": take,
        "frames": frames,
        "media_s": [frame / 25 for frame in frames],
        "observed_ms": [16 * number for number in range(len(frames))],
        "valence": valence,
        "arousal": arousal,
    }


def rating_workspace(
    root: Path,
    *,
    faces: int = 40,
    videos: dict[str, str] | None = None,
    frames: int = 50,
    labelled: bool = True,
    rated: bool = False,
) -> Workspace:
    """Return a workspace of grey faces with labels, and of clips that grow brighter frame by frame.

    Args:
        root: its folder.
        faces: how many, spread over the sources.
        videos: name of each clip to the codec it is written with; one clip that every browser plays if None.
        frames: length of each clip.
        labelled: whether the faces have an expression.
        rated: whether they have valence 0.5 and arousal -0.5 by two people.
    """
    clips = videos if videos is not None else {"clip.webm": "libvpx"}
    rows = []
    for number in range(faces):
        name = list(clips)[number % len(clips)]
        emotion = EMOTIONS[number % len(EMOTIONS)]
        label: Row = {"emotion": emotion, "emotion_origin": "folder"} if labelled else {}
        if rated:
            label |= {"valence": 0.5, "arousal": -0.5, "va_origin": "people", "va_raters": 2}
        place = {"track_id": number // len(clips) // 10}
        rows.append(face(f"face {number}", name, number // len(clips) % frames, **place, **label))
    sources = [
        source(name, frames_decoded=frames, frames_searched=frames, duration_s=(frames - 1) / 25) for name in clips
    ]
    workspace = build(root, rows, sources)
    for number, row in enumerate(rows):
        path = root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        # Tens of faces in a row look the same; every tenth is another grey.
        Image.fromarray(np.full((64, 64, 3), 20 * (number // 10) % 256, np.uint8)).save(path)
    for name, codec in clips.items():
        write_clip(root / name, [np.full((96, 128, 3), 4 * number, np.uint8) for number in range(frames)], codec=codec)
    return workspace


def face_id(number: int) -> str:
    """Return the identifier of a face of `rating_workspace`."""
    return identify(f"face {number}")
