"""Compute what is in a dataset: people by expression, valence and arousal, quality, sources, and faces over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fertools.core.notebook import html_table
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.views.conditions import FaceConditions
from fertools.views.dataset_columns import DatasetColumns, TextColumn, read_columns
from fertools.views.label_counts import FaceLabelPlaces, LabelCount, group_by_label, number_labels

QUALITY = ("face_px", "blur", "brightness", "det_score", "crop_coverage", "yaw_deg", "pitch_deg", "roll_deg")
"""The columns whose distribution is computed."""
PLANE_CELLS = 20
"""Cells per axis of the valence-arousal plane."""
TIME_BINS = 60
"""Most parts of a video in its timeline."""
_FRAMES_A_BIN = 8
_BINS = 30
_MOST_PEOPLE, _MOST_SOURCES, _MOST_TIMELINES = 50, 50, 12


@dataclass(frozen=True)
class PersonCount:
    """The faces of one person.

    Attributes:
        subject: identifier of the person, as in the column `subject_id`.
        faces: number of faces.
        by_label: number of faces of each label, in the order of `DatasetStats.labels`.
    """

    subject: str
    faces: int
    by_label: tuple[int, ...]


@dataclass(frozen=True)
class Distribution:
    """The distribution of one column.

    Attributes:
        name: name of the column.
        known: number of faces that have a value.
        low: smallest value.
        p5: 5th percentile.
        median: median.
        p95: 95th percentile.
        high: largest value.
        edges: edges of the bins of the histogram, from the 1st to the 99th percentile. Values outside count in the
            first and the last bin.
        counts: number of faces in each bin.
    """

    name: str
    known: int
    low: float
    p5: float
    median: float
    p95: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class SourceCount:
    """The faces of one source.

    Attributes:
        source_id: identifier of the source.
        path: path of the file, as in the sources table.
        faces: number of faces.
        duration_s: time of the last face in seconds; None for an image.
        timeline: number of faces in each of up to 60 equal parts of the time from 0 to `duration_s`. It is empty for
            images, and for videos that are not among the 12 with most faces.
    """

    source_id: str
    path: str
    faces: int
    duration_s: float | None
    timeline: tuple[int, ...]


@dataclass(frozen=True)
class DatasetStats:
    """What is in a dataset.

    Attributes:
        faces: number of faces that meet the conditions.
        people: number of distinct subjects.
        sources: number of distinct videos and images.
        labels: counts of each label: the seven expressions, then other labels, then faces without one.
        persons: the 50 people with most faces.
        datasets: number of faces of each dataset.
        modalities: number of faces of each modality.
        statuses: number of kept and of rejected faces in the whole manifest.
        reasons: number of faces rejected for each reason in the whole manifest.
        plane: number of faces in each cell of the valence-arousal plane, 20 x 20 from -1 to 1. The first row has the
            lowest arousal, the first column the lowest valence.
        quality: distributions of the columns on quality and pose that have values.
        largest_sources: the 50 sources with most faces.
        faces_a_source: distribution of the number of faces a source; None without faces.
    """

    faces: int
    people: int
    sources: int
    labels: tuple[LabelCount, ...]
    persons: tuple[PersonCount, ...]
    datasets: dict[str, int]
    modalities: dict[str, int]
    statuses: dict[str, int]
    reasons: dict[str, int]
    plane: tuple[tuple[int, ...], ...]
    quality: tuple[Distribution, ...]
    largest_sources: tuple[SourceCount, ...]
    faces_a_source: Distribution | None

    def _repr_html_(self) -> str:
        rows = [
            (one.label or "no label", one.faces, one.subjects, one.sources, one.valence, one.arousal)
            for one in self.labels
        ]
        caption = f"{self.faces:,} faces of {self.people:,} people in {self.sources:,} sources"
        shown = html_table(caption, ("expression", "faces", "people", "sources", "valence", "arousal"), rows)
        spread = [(one.name, one.known, one.p5, one.median, one.p95) for one in self.quality]
        return shown + html_table("quality", ("column", "faces", "5 %", "median", "95 %"), spread)


def stats(workspace: WorkspaceLike, conditions: FaceConditions | None = None) -> DatasetStats:
    """Return what is in a dataset. One column is in memory at a time, so ten million faces need little memory.

    Args:
        workspace: workspace of the manifest, or the path of its folder.
        conditions: which faces to count; None for all kept faces.

    Raises:
        InputError: there is no manifest.
        SchemaError: the manifest is damaged or of another schema version.

    Example:
        >>> found = stats("my-dataset")
        >>> found.faces == sum(one.faces for one in found.labels)
        True
    """
    workspace = Workspace(workspace)
    columns = read_columns(workspace, conditions or FaceConditions())
    return compute_stats(workspace, columns, read_columns(workspace, FaceConditions(status=())))


def compute_stats(workspace: Workspace, columns: DatasetColumns, every: DatasetColumns) -> DatasetStats:
    """Return the statistics of some faces.

    Args:
        workspace: workspace of the manifest, for the paths of sources.
        columns: columns of the faces to count.
        every: columns of all faces of the manifest.

    Raises:
        SchemaError: the sources table is damaged.
    """
    statuses, reasons = (every.text(name).counts() for name in ("status", "reason"))
    people, sources = columns.text("subject_id"), columns.text("source_id")
    numbered = number_labels(columns.text("emotion"))
    valence, arousal = columns.numbers("valence"), columns.numbers("arousal")
    quality = (describe(name, columns.numbers(name)) for name in QUALITY)
    return DatasetStats(
        faces=len(numbered.places),
        people=len(people.values),
        sources=len(sources.values),
        labels=group_by_label(numbered, people, sources, valence, arousal),
        persons=tuple(_persons(numbered, people)),
        datasets=columns.text("dataset").counts(),
        modalities=columns.text("modality").counts(),
        statuses=statuses,
        reasons=reasons,
        plane=_plane(valence, arousal),
        quality=tuple(one for one in quality if one is not None),
        largest_sources=tuple(_sources(workspace, sources, columns.numbers("pts_s"))),
        faces_a_source=describe("faces a source", np.bincount(sources.codes).astype(np.float64)),
    )


def describe(name: str, values: NDArray[np.float64]) -> Distribution | None:
    """Return the distribution of some values, NaN where unknown; None if all are unknown."""
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, first, p5, median, p95, last, high = np.percentile(values, (0, 1, 5, 50, 95, 99, 100)).tolist()
    if first == last:
        first, last = first - 0.5, last + 0.5
    counts, edges = np.histogram(np.clip(values, first, last), _BINS, (first, last))
    return Distribution(name, len(values), low, p5, median, p95, high, tuple(edges.tolist()), tuple(counts.tolist()))


def _persons(numbered: FaceLabelPlaces, people: TextColumn) -> Iterator[PersonCount]:
    counts = people.counts()
    known = people.codes >= 0
    places, size, labels = numbered.places, len(people.values), len(numbered.labels)
    occurs = np.bincount(places, minlength=labels) > 0
    table = np.bincount(people.codes[known].astype(np.int64) * labels + places[known], minlength=size * labels)
    table = table.reshape(size, labels)[:, occurs]
    place_of = {value: place for place, value in enumerate(people.values)}
    for subject in list(counts)[:_MOST_PEOPLE]:
        yield PersonCount(subject, counts[subject], tuple(table[place_of[subject]].tolist()))


def _plane(valence: NDArray[np.float64], arousal: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    known = ~(np.isnan(valence) | np.isnan(arousal))
    # `histogram2d` copies all points; places of cells need less.
    across, up = (
        np.clip(((axis[known] + 1) / 2 * PLANE_CELLS).astype(np.int64), 0, PLANE_CELLS - 1)
        for axis in (valence, arousal)
    )
    cells = np.bincount(up * PLANE_CELLS + across, minlength=PLANE_CELLS**2).reshape(PLANE_CELLS, PLANE_CELLS)
    return tuple(tuple(row) for row in cells.tolist())


def _sources(workspace: Workspace, sources: TextColumn, times: NDArray[np.float64]) -> Iterator[SourceCount]:
    counts = np.bincount(sources.codes, minlength=len(sources.values))
    order = sorted(range(len(counts)), key=lambda place: (-counts[place], sources.values[place]))[:_MOST_SOURCES]
    paths = {}
    if workspace.sources.is_file():
        wanted = [("source_id", "in", [sources.values[place] for place in order])]
        table = store.read_sources(workspace, ("source_id", "path"), wanted if order else None)
        paths = dict(zip(table["source_id"].to_pylist(), table["path"].to_pylist(), strict=True))
    # Only the rows of the few listed sources are compared with each of them.
    rows = np.flatnonzero(np.isin(sources.codes, order))
    codes, own = sources.codes[rows], times[rows]
    drawn = 0
    for place in order:
        seconds = own[codes == place]
        seconds = seconds[~np.isnan(seconds)]
        duration = float(seconds.max()) if len(seconds) else None
        timeline: tuple[int, ...] = ()
        if duration and drawn < _MOST_TIMELINES:
            # With few frames a bin, the counts would rise and fall with the number of frames in a bin.
            bins = min(TIME_BINS, max(1, len(np.unique(seconds)) // _FRAMES_A_BIN))
            timeline = tuple(np.histogram(seconds, bins, (0.0, duration))[0].tolist())
            drawn += 1
        name = sources.values[place]
        yield SourceCount(name, paths.get(name, name), int(counts[place]), duration, timeline)
