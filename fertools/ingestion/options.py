"""What an ingest is told: the options that shape its result, and those that only shape how fast it comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fertools.core.arguments import argument, given
from fertools.core.errors import InputError
from fertools.faces.alignment import FILLS
from fertools.faces.centring import Centre
from fertools.faces.detection.detector import DetectorOptions, ScoreLevels
from fertools.faces.detection.min_face import MinFace
from fertools.faces.quality import STANDARDS
from fertools.faces.templates import template_names
from fertools.ingestion.face_filter import FaceFilter
from fertools.ingestion.shards import Shard
from fertools.manifests.schema import MODALITIES
from fertools.sources.grey_range import GreyRange
from fertools.sources.sampling import Sampling

_EXECUTION_OPTIONS = (
    "shard",
    "engine",
    "ray_address",
    "workers",
    "device",
    "batch_size",
    "stall_s",
    "retry_failed",
    "overwrite",
    "kept_from",
    "mix_detectors",
)
"""Options that do not change the result, so that a rerun may choose them anew."""

SOURCE_OPTIONS = (
    "dataset",
    "modality",
    "licence",
    "crops",
    "centre",
    "landmarks",
    "grey_range",
    "subject_from",
    "emotion_from",
)
"""Options that describe the given sources, and not how the workspace is ingested."""

ENGINES = ("local", "ray")
"""Where work can be done: modules beside this one."""

MAX_SMOOTHING_S = 1.0
"""Within longer stretches a head turns and a mouth opens and closes, and frames would have to be held for as long."""

CROP_SUFFIXES = {"jpeg": ".jpg", "png": ".png"}


def processors() -> int:
    """Return how many processors this process may use, which in a container or a batch job can be few of many."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class IngestOptions:
    """How to ingest.

    Attributes:
        every: search every n-th frame of a video, from the first.
        fps: search about so many frames a second, by their presentation times; see `fertools.sources.sampling`.
        span: search only frames shown at `START-END` seconds, END left out; None is the whole video.
        min_face: smallest face to look for and to keep: pixels (`20`) or a share of the picture's short side (`10%`).
        detector: name of a registered detector (see `fertools.faces.detection.registry`): `mtcnn` or `yunet`.
        mix_detectors: allow another detector or engine than the one the workspace was ingested with.
        thresholds: least face probability after each stage of the detector, each between 0 and 1: `P,R,O` for the three
            networks of mtcnn, one number for yunet; None takes the detector's own.
        factor: scale factor between the levels of mtcnn's pyramid, 0.1 to 0.95; None is 0.709.
        max_faces: in each frame the so many largest kept faces stay, and the others are rejected; None is all.
        weights: `auto` (an installed package that carries them), the name of such a package, or a path.
        smoothing_s: how far to either side of a moment landmarks are smoothed within a track, in seconds; 0 is not.
        mode: mode of mtcnn, `fast` or `exact` (see `fertools.faces.detection.mtcnn.cascade`); None is `fast`.
        exhaustive: search every frame of a video in full, instead of about every sixteenth with faces followed between.
        template: named landmark template of the crops.
        more_templates: others whose crops are written beside them (see `Workspace.other_crop_path`).
        crop_px: side of the square crops.
        crop_format: `jpeg` (quality 95) or `png`.
        fill: what crops show beyond the picture: `black`, `grey` or `edge` (see `fertools.faces.alignment.FILLS`).
        crops: the sources are face crops already: nothing is searched, each picture and frame is one face.
        landmarks: table of five points for crops (see `fertools.sources.points`), which are then aligned.
        centre: where the square of a crop without landmarks is centred, as shares `X,Y`; None is the middle.
        grey_range: which values of a grey picture of more than 8 bits become black and white: `LOW,HIGH`, `image` for
            those of each picture, or `full`; None is `full`, and is refused for thermal pictures of more than 8 bits.
        quality: which faces are kept: `keep-all`, `standard` or `strict` (see `fertools.faces.quality.STANDARDS`).
        subject_from: see `fertools.sources.naming.NamingRules`.
        emotion_from: likewise.
        dataset: name written to every row; None takes the name of each given folder.
        modality: what the pictures were taken with.
        licence: terms of the pictures, written to every row.
        shard: work on one share of the files, `I/N` (see `fertools.ingestion.shards`); None is all of them.
        engine: where work is done: `local`, in processes of this machine, or `ray`, on a Ray cluster.
        ray_address: of the cluster, such as `auto` or `10.0.0.5:6379`; None begins one on this machine.
        workers: processes; None takes one per processor. With one, all work is done in the calling process.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        batch_size: frames per call of the detector on a GPU; on a CPU each is searched alone.
        stall_s: seconds without a decoded frame after which a worker process counts as hung and is replaced.
        retry_failed: work on sources that failed in an earlier run again.
        overwrite: forget everything that was ingested here and begin anew.
        kept_from: smallest face to keep, where `fertools filter` raised it above `min_face`.

    Raises:
        InputError: a value is out of range.
    """

    every: int = 1
    fps: str | None = None
    span: str | None = None
    min_face: str = "20"
    detector: str = "mtcnn"
    mix_detectors: bool = False
    thresholds: str | None = None
    factor: float | None = None
    max_faces: int | None = None
    weights: str = "auto"
    smoothing_s: float = 0.2
    mode: str | None = None
    exhaustive: bool = False
    template: str = "loose"
    more_templates: tuple[str, ...] = ()
    crop_px: int = 256
    crop_format: str = "jpeg"
    fill: str = "black"
    crops: bool = False
    landmarks: Path | None = None
    centre: str | None = None
    grey_range: str | None = None
    quality: str = "standard"
    subject_from: str = "auto"
    emotion_from: str = "folder"
    dataset: str | None = None
    modality: str = "visible"
    licence: str | None = None
    shard: str | None = None
    engine: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    device: str = "auto"
    batch_size: int = 8
    stall_s: float = 600.0
    retry_failed: bool = False
    overwrite: bool = False
    kept_from: str | None = None

    def __post_init__(self) -> None:
        if not self.stall_s > 0:
            raise InputError(f"{argument('stall_s')} is {self.stall_s:g}; give seconds above 0")
        if not 0 <= self.smoothing_s <= MAX_SMOOTHING_S:
            raise InputError(
                f"{argument('smoothing_s')} is {self.smoothing_s:g}; give seconds from 0 to {MAX_SMOOTHING_S:g}"
            )
        if self.batch_size < 1:
            raise InputError(f"{argument('batch_size')} is {self.batch_size}; give 1 or more")
        if not self.crops and (self.landmarks or self.centre):
            raise InputError(
                f"{argument('landmarks')} and {argument('centre')} place face crops; give them with "
                f"{given('crops', True)}"
            )
        if self.thresholds is not None:
            parse_thresholds(self.thresholds)
        if self.max_faces is not None and self.max_faces < 1:
            raise InputError(f"{argument('max_faces')} is {self.max_faces}; give 1 or more")
        check_crops((self.template, *self.more_templates), self.crop_px, self.crop_format)
        Sampling.parse(every=self.every, fps=self.fps, span=self.span)
        if self.grey_range is not None:
            GreyRange.parse(self.grey_range)
        if self.centre:
            Centre.parse(self.centre)
        if self.shard is not None:
            Shard.parse(self.shard)
        if self.engine not in ENGINES:
            raise InputError(f"{argument('engine')} '{self.engine}' is unknown; choose one of {', '.join(ENGINES)}")
        if self.ray_address is not None and self.engine != "ray":
            raise InputError(f"{argument('ray_address')} names a Ray cluster; give it with {argument('engine')} ray")
        if self.workers is not None and self.workers < 1:
            raise InputError(f"{argument('workers')} is {self.workers}; give 1 or more")
        if self.quality not in STANDARDS:
            raise InputError(f"{argument('quality')} '{self.quality}' is unknown; choose one of {', '.join(STANDARDS)}")
        if self.fill not in FILLS:
            raise InputError(f"{argument('fill')} '{self.fill}' is unknown; choose one of {', '.join(FILLS)}")
        if self.modality not in MODALITIES:
            raise InputError(
                f"{argument('modality')} '{self.modality}' is unknown; choose one of {', '.join(MODALITIES)}"
            )

    def face_filter(self, levels: ScoreLevels) -> FaceFilter:
        """Return which of the found faces are kept.

        Args:
            levels: how sure the detector is at which score.
        """
        # Nobody searched for a face crop, so its size does not count.
        min_face = None if self.crops and not self.kept_from else MinFace.parse(self.kept_from or self.min_face)
        return FaceFilter(self.quality, min_face, self.max_faces, levels)

    def detector_options(self, device: str) -> DetectorOptions:
        """Return the options of the detector, on a device that was chosen."""
        return DetectorOptions(
            min_face=MinFace.parse(self.min_face),
            weights=self.weights,
            device=device,
            thresholds=None if self.thresholds is None else parse_thresholds(self.thresholds),
            factor=self.factor,
            mode=self.mode,
        )

    @property
    def sampling(self) -> Sampling:
        """Which frames of a video are searched."""
        return Sampling.parse(every=self.every, fps=self.fps, span=self.span)

    @property
    def crop_suffix(self) -> str:
        """File suffix of the crops."""
        return CROP_SUFFIXES[self.crop_format]

    def worker_count(self, items: int) -> int:
        """Return how many processes `items` items are worth."""
        return max(1, min(self.workers or processors(), items))

    def recorded(self) -> dict[str, Any]:
        """Return the options that shape the result, as the workspace keeps them."""
        shaping = {
            key: value
            for key, value in asdict(self).items()
            if key not in (*_EXECUTION_OPTIONS, *SOURCE_OPTIONS) and value is not None
        }
        # The detector's identity is recorded beside these (`fertools.ingestion.record`).
        for name in ("detector", "weights", "thresholds", "factor", "mode"):
            shaping.pop(name, None)
        return shaping | {key: list(value) for key, value in shaping.items() if isinstance(value, tuple)}


def parse_thresholds(text: str) -> tuple[float, ...]:
    """Return face probabilities written with commas between, such as `P,R,O` of the three networks of mtcnn.

    Raises:
        InputError: a number is not between 0 and 1.

    Example:
        >>> parse_thresholds("0.6, 0.7, 0.7")
        (0.6, 0.7, 0.7)
    """
    try:
        thresholds = tuple(float(word) for word in text.split(","))
    except ValueError:
        thresholds = ()
    if not thresholds or not all(0 < threshold < 1 for threshold in thresholds):
        raise InputError(f"{argument('thresholds')} is '{text}'; give numbers between 0 and 1, such as 0.6,0.7,0.7")
    return thresholds


def check_crops(templates: Sequence[str], crop_px: int, crop_format: str) -> None:
    """Raise InputError unless crops can be made so.

    Args:
        templates: names, each once.
        crop_px: side of the crops.
        crop_format: `jpeg` or `png`.
    """
    if crop_px < 16:
        raise InputError(f"{argument('crop_px')} is {crop_px}; give 16 or more")
    if len(set(templates)) < len(templates):
        raise InputError(f"{argument('template')} is given twice with the same name; give each once")
    for name, value, choices in (
        *(("template", template, template_names()) for template in templates),
        ("crop_format", crop_format, tuple(CROP_SUFFIXES)),
    ):
        if value not in choices:
            raise InputError(f"{argument(name)} '{value}' is unknown; choose one of {', '.join(choices)}")
