"""How much of an ingest is done, as a share of its work, from its first frames on.

Work is counted in frames to search. How many a video has is not known before it is read, so the videos that are left
are taken to have as many frames per byte as what was read of videos so far; a picture is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fertools.ingestion.plan import Item, size_bytes


@dataclass(frozen=True)
class Done:
    """What was done, in all or in one step.

    Attributes:
        frames: frames searched, pictures among them.
        faces: faces found in them.
        pictures: pictures that are over, those that failed among them.
        video_bytes: bytes of videos that were read; of one that is over, all.
    """

    frames: int = 0
    faces: int = 0
    pictures: int = 0
    video_bytes: int = 0

    def __add__(self, other: Done) -> Done:
        return Done(
            self.frames + other.frames,
            self.faces + other.faces,
            self.pictures + other.pictures,
            self.video_bytes + other.video_bytes,
        )


@dataclass(frozen=True)
class Workload:
    """What there is to do.

    Attributes:
        pictures: how many pictures.
        video_bytes: size of all videos.
    """

    pictures: int
    video_bytes: int

    @classmethod
    def of(cls, items: Iterable[Item]) -> Workload:
        """Return what the sources of all items add up to."""
        sources = [source for item in items for source in item.sources]
        videos = [source for source in sources if source.kind == "video"]
        return cls(len(sources) - len(videos), sum(size_bytes(video.path) for video in videos))

    def share(self, done: Done) -> float | None:
        """Return how much of the work is done, from 0 to 1; None as long as nothing says how much there is.

        Example:
            >>> Workload(pictures=10, video_bytes=4000).share(Done(frames=30, video_bytes=1000))
            0.23076923076923078
        """
        frames = max(0, done.frames - done.pictures)
        left_bytes = max(0, self.video_bytes - done.video_bytes)
        if left_bytes and not (frames and done.video_bytes):
            return None
        left = max(0, self.pictures - done.pictures)
        if left_bytes:
            left += round(left_bytes * frames / done.video_bytes)
        over = frames + done.pictures
        return over / (over + left) if over + left else None
