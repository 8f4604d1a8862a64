"""The share of an ingest that is done, from its first frames on.

Work is counted in frames to search. The number of frames of a video is unknown before it is read. So the remaining
videos count as many frames per byte as the videos read so far. A picture counts as one frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fertools.ingestion.plan import Item, size_bytes


@dataclass(frozen=True)
class Done:
    """The work done, in total or in one step.

    Attributes:
        frames: number of searched frames, including pictures.
        faces: number of detected faces.
        pictures: number of finished pictures, including failed ones.
        video_bytes: bytes of videos that were read; all bytes of a finished video.
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
    """The total work of an ingest.

    Attributes:
        pictures: number of pictures.
        video_bytes: total size of all videos.
    """

    pictures: int
    video_bytes: int

    @classmethod
    def of(cls, items: Iterable[Item]) -> Workload:
        """Return the total work of all items."""
        sources = [source for item in items for source in item.sources]
        videos = [source for source in sources if source.kind == "video"]
        return cls(len(sources) - len(videos), sum(size_bytes(video.path) for video in videos))

    def share(self, done: Done) -> float | None:
        """Return the share of the work that is done, from 0 to 1; None while the total is unknown.

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
