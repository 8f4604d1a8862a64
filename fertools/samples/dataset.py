"""Draw a dataset of invented people: videos, stills and a table of ground truth. The kind `pairs` has no videos.

    DIR/README.md                               description of the dataset: drawings, not photographs of people
    DIR/sample.json                             the options, with which a second run continues
    DIR/truth.csv                               one row per frame and still, see `TRUTH_COLUMNS`
    DIR/videos/<look>/<person>/<emotion>/clip.mp4
    DIR/stills/<modality>/<look>/<person>/<emotion>/<frame>.png
    DIR/stills/animated/<character>/<emotion>/<number>.png                kind `characters`: plays nobody
    DIR/stills/played/<character>/<emotion>/<look>-<person>-<frame>.png   kind `characters`: plays a person

Stills of one moment in the three modalities have the same value in the column `moment`. They are simultaneous pictures
of two cameras with a small distance, and of a character.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from fertools.core import files
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.notebook import HtmlFields
from fertools.core.processes import processors, worker_context
from fertools.samples.moments import Moment
from fertools.samples.sample_options import SampleOptions
from fertools.samples.takes import Still, Take, all_takes

FPS = 25
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
TRUTH_COLUMNS = (
    "path",
    "frame_index",
    "modality",
    "look",
    "subject_id",
    "emotion",
    "intensity",
    "valence",
    "arousal",
    "yaw_deg",
    "pitch_deg",
    "roll_deg",
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),
    "moment",
)
"""Paths are relative to the folder; points are in pixels; valence and arousal are in [-1, 1]."""

_README = """# A drawn dataset

Nobody in these pictures exists: every face is drawn by `fertools sample` from numbers. The dataset is free of
anyone's rights and good for trying tools on. No result on it says anything about people.

`truth.csv` holds what each frame and picture shows, exactly: subject, expression, intensity, valence, arousal, the
turn of the head and five points in pixels. Stills with the same `moment` show the same instant: in visible
light, as a thermal camera beside it sees it, and played by a drawn character.

Made with: {options}
"""


@dataclass(frozen=True)
class SampleSummary(HtmlFields):
    """The content of a drawn dataset."""

    people: int
    videos: int
    frames: int
    stills: int


def draw_dataset(
    folder: Path | str, options: SampleOptions | None = None, advance: Callable[[int, int], None] | None = None
) -> SampleSummary:
    """Draw a dataset into `folder`, or continue an earlier call with the same options.

    Args:
        folder: folder of the dataset; created if missing.
        options: options of the dataset; None for the defaults.
        advance: called with the number of finished clips and of all clips.

    Raises:
        InputError: the folder has other content.
        ResumeRefused: another dataset was begun there.
        StorageError: the disk is full.
    """
    folder = Path(folder)
    options = options or SampleOptions()
    _claim(folder, options)
    takes = list(all_takes(options))
    todo = [take for take in takes if not all((folder / path).is_file() for path in _paths(take, options))]
    done = len(takes) - len(todo)
    for finished in _draw_all(folder, options, todo):
        if advance is not None:
            advance(done + finished, len(takes))
    stills = _write_truth(folder, options, takes)
    files.write_text(folder / "README.md", _README.format(options=json.dumps(options.record())))
    videos = sum(take.video(options) is not None for take in takes)
    return SampleSummary(options.people, videos, videos * options.frames, stills)


def _claim(folder: Path, options: SampleOptions) -> None:
    """Prepare `folder` for this dataset; raise if it has other content."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder to draw into")
    record = folder / "sample.json"
    wanted = vars(options)
    if record.is_file():
        try:
            # Earlier versions did not record every option.
            begun = vars(SampleOptions()) | json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            begun = {}
        for name, value in wanted.items():
            if (old := begun.get(name)) != value:
                raise ResumeRefused(
                    f"{folder} was drawn with {name} {old}, not {value}; give the same again, or another folder"
                )
    elif folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds other files; give an empty or a new folder to draw into")
    else:
        files.write_json(record, options.record())
    files.remove_unfinished(folder)


def _draw_all(folder: Path, options: SampleOptions, takes: list[Take]) -> Iterator[int]:
    """Draw clips in worker processes, and yield the number of finished clips."""
    workers = min(processors(), len(takes))
    if workers <= 1:
        for number, take in enumerate(takes, 1):
            _draw(folder, options, take)
            yield number
        return
    with ProcessPoolExecutor(workers, worker_context([__name__]), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            pending = [pool.submit(_draw, folder, options, take) for take in takes]
            for number, future in enumerate(as_completed(pending), 1):
                future.result()
                yield number
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _draw(folder: Path, options: SampleOptions, take: Take) -> None:
    """Write the stills of a clip, then its video, so that the video marks a complete clip."""
    for still in take.stills(options):
        picture = still.moment.picture(still.modality, options.size_px)
        coded = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
        files.write_bytes(folder / still.path, coded, flush=False)
    if (video := take.video(options)) is not None:
        _write_video(folder / video, take.moments(options), options.size_px)


def _write_video(path: Path, moments: tuple[Moment, ...], size_px: int) -> None:
    with (
        files.replacing(path, flush=False) as temporary,
        av.open(str(temporary), "w", format="mp4") as container,
    ):
        # One thread: the bytes are the same on every machine, and the processes use all processors already.
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "16", "threads": "1"})
        stream.width = stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_ndarray(moment.picture("visible", size_px), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _paths(take: Take, options: SampleOptions) -> list[str]:
    video = take.video(options)
    return [*([] if video is None else [video]), *(still.path for still in take.stills(options))]


def _write_truth(folder: Path, options: SampleOptions, takes: list[Take]) -> int:
    """Write `truth.csv`, and return the number of stills in it."""
    stream, count = io.StringIO(), 0
    writer = csv.DictWriter(stream, TRUTH_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for take in takes:
        of_frame: dict[int, list[Still]] = {}
        for still in take.stills(options):
            of_frame.setdefault(still.moment.frame, []).append(still)
            count += 1
        video = take.video(options)
        for moment in take.moments(options):
            if video is not None:
                shown = Still(video, "visible", moment, take.name(moment.frame))
                writer.writerow(_truth(shown, moment.frame, options.size_px))
            writer.writerows(_truth(still, 0, options.size_px) for still in of_frame.get(moment.frame, ()))
    files.write_text(folder / "truth.csv", stream.getvalue())
    return count


def _truth(still: Still, frame_index: int, size_px: int) -> dict[str, Any]:
    moment, modality = still.moment, still.modality
    valence, arousal = moment.felt
    pose = moment.pose(modality)
    points = moment.landmarks(modality, size_px).round(3).ravel().tolist()
    names = [f"{point}_{axis}" for point in POINTS for axis in "xy"]
    return {
        "path": still.path,
        "frame_index": frame_index,
        "modality": modality,
        "look": moment.scene.look,
        "subject_id": moment.character.subject_id if modality == "animated" else moment.person.subject_id,
        "emotion": moment.manner.emotion,
        "intensity": round(moment.intensity, 4),
        "valence": round(valence, 4),
        "arousal": round(arousal, 4),
        "yaw_deg": round(pose.yaw_deg, 3),
        "pitch_deg": round(pose.pitch_deg, 3),
        "roll_deg": round(pose.roll_deg, 3),
        **dict(zip(names, points, strict=True)),
        "moment": still.name,
    }
