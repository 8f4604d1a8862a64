"""Options of an ingest: those that change its result, and those that change only its speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from fertools.core.arguments import argument, given
from fertools.core.errors import InputError
from fertools.core.processes import processors
from fertools.core.spreading import check_engine
from fertools.faces.alignment import FILLS
from fertools.faces.centring import Centre
from fertools.faces.detection.detector import DetectorOptions, ScoreLevels
from fertools.faces.detection.min_face import MinFace
from fertools.faces.quality import STANDARDS
from fertools.faces.templates import template_names
from fertools.ingestion.face_filter import FaceFilter
from fertools.ingestion.shards import Shard
from fertools.manifests.schema import MODALITIES
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.grey_range import GreyRange
from fertools.sources.label_columns import LabelColumns
from fertools.sources.sampling import Sampling, exact

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
"""Options that do not change the result, so a rerun may change them."""

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
    "sequence_from",
    "descriptor",
    "frames",
    "table",
    "columns",
)
"""Options that describe the given sources, not the workspace."""


MAX_SMOOTHING_S = 1.0
"""In a longer window a head turns and a mouth opens and closes. All frames of the window stay in memory."""

CROP_SUFFIXES = {"jpeg": ".jpg", "png": ".png"}


@dataclass(frozen=True)
class IngestOptions:
    """Options of an ingest.

    Attributes:
        every: search every n-th frame of a video, from the first.
        fps: search about N frames per second, by presentation time; see `fertools.sources.sampling`.
        span: search only frames from one second to another, the last excluded; None for the whole video.
        min_face: smallest face to search for and to keep, in pixels or as a `MinFace`.
        detector: name of a registered detector (see `fertools.faces.detection.registry`): `mtcnn` or `yunet`.
        mix_detectors: allow another detector or engine than that of the earlier ingest.
        thresholds: minimum face probability after each stage of the detector, each between 0 and 1: three for the
            networks of mtcnn, one for yunet; None for the detector's default.
        factor: scale factor between pyramid levels of mtcnn, 0.1 to 0.95; None for 0.709.
        max_faces: keep at most N faces per frame, largest first, and reject the others; None keeps all.
        weights: `auto` (an installed package that carries them), the name of such a package, or a path.
        smoothing_s: half width of the window in which landmarks of a track are smoothed, in seconds; 0 for none.
        mode: mode of mtcnn, `fast` or `exact` (see `fertools.faces.detection.mtcnn.cascade`); None for `fast`.
        exhaustive: search every frame of a video in full. Otherwise about every sixteenth is searched in full, and
            faces are propagated to the frames between.
        template: named landmark template of the crops.
        more_templates: templates of additional crops (see `Workspace.other_crop_path`).
        crop_px: side of the square crops.
        crop_format: `jpeg` (quality 95) or `png`.
        fill: content of crops outside of the picture: `black`, `grey` or `edge` (see `fertools.faces.alignment.FILLS`).
        crops: the sources are face crops already. Nothing is searched, and each picture or frame is one face.
        landmarks: table of five points per crop (see `fertools.sources.points`), which aligns the crops.
        centre: centre of the square of a crop without landmarks, as shares of width and height; None for the middle.
        grey_range: stored values of grey pictures and videos of more than 8 bits that become black and white;
            `GreyRange()` takes those of each picture or frame. None takes the full range of their pixels,
            and refuses thermal sources of more than 8 bits.
        quality: which faces are kept: `keep-all`, `standard` or `strict` (see `fertools.faces.quality.STANDARDS`).
        subject_from: source of the subject; see `fertools.sources.naming.NamingRules`.
        emotion_from: source of the emotion; see `fertools.sources.naming.NamingRules`.
        sequence_from: which pictures are frames of one take; see `fertools.sources.naming.NamingRules`.
        table: CSV or Parquet table with the labels of the sources (see `fertools.sources.label_table`). Only the files
            that it names are ingested.
        columns: which column of the table, or of a dataset whose rows hold the pictures, means what; None for columns
            with usual names.
        dataset: dataset name for every row; None for the name of each given folder. If it is the name of a descriptor,
            such as `ckplus`, that descriptor says how the folder is read.
        descriptor: name of the descriptor that says how the folder is read, or `NAME:LAYOUT`; `auto` for that of
            `dataset` if there is one, `none` to read folder names only.
        frames: which frames of a sequence are read, such as `last:3`; None for those of the descriptor.
        modality: modality of the pictures.
        licence: licence of the pictures, written to every row.
        shard: work on one share of the files: its number from 1, and the number of shares (see
            `fertools.ingestion.shards`); None for all files.
        engine: `local` for processes of this machine, or `ray` for a Ray cluster.
        ray_address: address of the cluster, such as `auto` or `10.0.0.5:6379`; None starts a cluster on this machine.
        workers: number of processes; None for one per processor. With one, the calling process does all work.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        batch_size: frames per call of the detector on a GPU; on a CPU each frame is searched alone.
        stall_s: seconds without a decoded frame after which a worker process counts as hung and is replaced.
        retry_failed: try sources again that failed in an earlier run.
        overwrite: remove everything that was ingested here and begin again.
        kept_from: smallest face to keep, if `fertools filter` raised it above `min_face`.

    Raises:
        InputError: a value is out of range.
    """

    every: int = 1
    fps: float | Fraction | None = None
    span: tuple[float | Fraction, float | Fraction] | None = None
    min_face: float | MinFace = 20
    detector: str = "mtcnn"
    mix_detectors: bool = False
    thresholds: tuple[float, ...] | None = None
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
    centre: tuple[float, float] | None = None
    grey_range: GreyRange | None = None
    quality: str = "standard"
    subject_from: str = "auto"
    emotion_from: str = "folder"
    sequence_from: str = "none"
    table: Path | None = None
    columns: LabelColumns | None = None
    dataset: str | None = None
    descriptor: str = "auto"
    frames: str | None = None
    modality: str = "visible"
    licence: str | None = None
    shard: tuple[int, int] | None = None
    engine: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    device: str = "auto"
    batch_size: int = 8
    stall_s: float = 600.0
    retry_failed: bool = False
    overwrite: bool = False
    kept_from: MinFace | None = None

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
            check_thresholds(self.thresholds)
        if self.max_faces is not None and self.max_faces < 1:
            raise InputError(f"{argument('max_faces')} is {self.max_faces}; give 1 or more")
        check_crops((self.template, *self.more_templates), self.crop_px, self.crop_format)
        # These refuse what is out of range.
        _ = MinFace.of(self.min_face), self.sampling, self.crop_centre, self.own_shard
        check_engine(self.engine, self.ray_address)
        if self.workers is not None and self.workers < 1:
            raise InputError(f"{argument('workers')} is {self.workers}; give 1 or more")
        if self.quality not in STANDARDS:
            raise InputError(f"{argument('quality')} '{self.quality}' is unknown; choose one of {', '.join(STANDARDS)}")
        if self.frames is not None:
            FrameRule.parse(self.frames, argument("frames"))
            if self.sampling != Sampling():
                raise InputError(f"{argument('frames')} says which frames are read; leave out {argument('every')}")
        if self.fill not in FILLS:
            raise InputError(f"{argument('fill')} '{self.fill}' is unknown; choose one of {', '.join(FILLS)}")
        if self.modality not in MODALITIES:
            raise InputError(
                f"{argument('modality')} '{self.modality}' is unknown; choose one of {', '.join(MODALITIES)}"
            )

    def face_filter(self, levels: ScoreLevels) -> FaceFilter:
        """Return the filter that decides which faces are kept.

        Args:
            levels: score levels of the detector.
        """
        # No search set a minimum size for face crops.
        min_face = None if self.crops and not self.kept_from else self.kept_from or MinFace.of(self.min_face)
        return FaceFilter(self.quality, min_face, self.max_faces, levels)

    def detector_options(self, device: str) -> DetectorOptions:
        """Return the options of the detector for a device."""
        return DetectorOptions(
            min_face=MinFace.of(self.min_face),
            weights=self.weights,
            device=device,
            thresholds=self.thresholds,
            factor=self.factor,
            mode=self.mode,
        )

    @property
    def sampling(self) -> Sampling:
        """Which frames of a video are searched."""
        return Sampling.of(every=self.every, fps=self.fps, span=self.span)

    @property
    def range_words(self) -> str:
        """The searched range of times in seconds, such as `10-25.5`."""
        return "-".join(map(_written, self.span)) if self.span is not None else "of all times"

    @property
    def crop_centre(self) -> Centre:
        """Where the square of a face crop without landmarks is centred."""
        return Centre(*self.centre) if self.centre else Centre()

    @property
    def own_shard(self) -> Shard | None:
        """The share of the files to work on; None for all."""
        return Shard(*self.shard) if self.shard else None

    @property
    def crop_suffix(self) -> str:
        """File suffix of the crops."""
        return CROP_SUFFIXES[self.crop_format]

    def worker_count(self, items: int) -> int:
        """Return the number of processes for `items` items."""
        return max(1, min(self.workers or processors(), items))

    def recorded(self) -> dict[str, Any]:
        """Return the options that change the result, as the workspace records them."""
        shaping = {
            key: value
            for key, value in asdict(self).items()
            if key not in (*_EXECUTION_OPTIONS, *SOURCE_OPTIONS) and value is not None
        }
        # The detector's identity is recorded beside these (`fertools.ingestion.record`).
        for name in ("detector", "weights", "thresholds", "factor", "mode"):
            shaping.pop(name, None)
        shaping |= {"min_face": str(MinFace.of(self.min_face))}
        shaping |= {"fps": _written(self.fps)} if self.fps is not None else {}
        shaping |= {"span": self.range_words} if self.span is not None else {}
        return shaping | {key: list(value) for key, value in shaping.items() if isinstance(value, tuple)}


def check_thresholds(thresholds: tuple[float, ...]) -> None:
    """Raise InputError unless face probabilities are between 0 and 1."""
    if not thresholds or not all(0 < threshold < 1 for threshold in thresholds):
        words = ", ".join(map(str, thresholds))
        raise InputError(f"{argument('thresholds')} is {words}; give numbers between 0 and 1, such as 0.6, 0.7, 0.7")


def _written(number: float | Fraction) -> str:
    """Return a number as a record has it: with decimals where they are exact, such as `12.5`, else as `30000/1001`."""
    fraction = exact(number)
    decimals = f"{float(fraction):.15g}"
    return decimals if Fraction(decimals) == fraction else str(fraction)


def check_crops(templates: Sequence[str], crop_px: int, crop_format: str) -> None:
    """Raise InputError unless crops can be made with these values.

    Args:
        templates: names of the templates, each once.
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
