"""`recrop`: make other crops of the faces in the manifest from their landmarks, without detecting them again.

Each video is decoded once, up to its last face. The path of a crop follows from its face, template and size, so a
stopped run continues with the missing crops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import Interrupted, MachineError, first_line
from fertools.core.explain import blame, raise_of_machine
from fertools.core.notebook import HtmlFields
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.alignment import extract_crop, rescale_matrix, similarity
from fertools.faces.centring import CENTRED
from fertools.ingestion.options import CROP_SUFFIXES, check_crops
from fertools.ingestion.rows import write_crop
from fertools.ingestion.source_options import dataset_key, grey_ranges
from fertools.manifests import store
from fertools.sources.animations import read_video
from fertools.sources.archives.opened import hash_content, local_file
from fertools.sources.images import read_image
from fertools.sources.sampling import Sampling
from fertools.sources.videos import Frame

_COLUMNS = (
    "face_id",
    "source_id",
    "frame_index",
    "landmarks",
    "landmarks_smoothed",
    "size_px",
    "template",
    "matrix",
    "parent_id",
)


@dataclass(frozen=True)
class RecropOptions:
    """Which crops to make.

    Attributes:
        template: named landmark template, or `centre` for the squares of face crops without landmarks.
        crop_px: side of the square crops.
        crop_format: `jpeg` (quality 95) or `png`.

    Raises:
        InputError: a value is out of range.
    """

    template: str = "loose"
    crop_px: int = 256
    crop_format: str = "jpeg"

    def __post_init__(self) -> None:
        # A face crop without landmarks has no template; its square can be made in other sizes.
        check_crops(() if self.template == CENTRED else (self.template,), self.crop_px, self.crop_format)


@dataclass(frozen=True)
class RecropSummary(HtmlFields):
    """The result of a recrop. The four numbers add up to the real faces of the manifest.

    Attributes:
        folder: folder of the crops: `<folder>/<first two digits>/<face_id><suffix>`.
        written: number of crops that this run made.
        before: number of crops that existed before.
        unplaced: number of faces that the template cannot place: they lack landmarks, or a square for `centre`.
        lost: number of faces whose source is missing, has changed or cannot be decoded that far.
        failures: name and reason of each such source.
    """

    folder: Path
    written: int
    before: int
    unplaced: int
    lost: int
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Wanted:
    """One crop to make: its frame, transform and path."""

    frame_index: int
    matrix: NDArray[np.float64]
    path: Path


def recrop(
    workspace: WorkspaceLike, options: RecropOptions | None = None, report: Reporter | None = None
) -> RecropSummary:
    """Make additional crops of every face in the manifest with another template or size.

    The manifest does not change. The same template, size and landmarks give the same bytes as an ingest.

    Args:
        workspace: workspace of the manifest.
        options: template, size and format of the crops; None for the defaults.
        report: receives the progress and each source without crops.

    Raises:
        InputError: there is no manifest, or another command runs here.
        StorageError: the disk is full or cannot be written.
    """
    workspace = Workspace(workspace)
    options, report = options or RecropOptions(), report or Silent()
    suffix = CROP_SUFFIXES[options.crop_format]
    with workspace.locked("recrop"):
        files.remove_unfinished(workspace.crops)
        wanted: dict[str, list[_Wanted]] = {}
        before = unplaced = 0
        for row in store.read_faces(workspace, _COLUMNS).to_pylist():
            path = workspace.root / workspace.other_crop_path(row["face_id"], options.template, options.crop_px, suffix)
            if row["parent_id"] is not None:
                continue  # a generated face has no frame to be cut from
            if path.is_file():
                before += 1
            elif (matrix := _transform(row, options)) is None:
                unplaced += 1
            else:
                wanted.setdefault(row["source_id"], []).append(_Wanted(row["frame_index"], matrix, path))
        written = done = 0
        failures = []
        total = sum(map(len, wanted.values()))

        def watch() -> None:
            nonlocal written
            written += 1
            report.reach(written / total)
            report.advance(done, crops=written)

        report.start(len(wanted))
        fill = str(workspace.settings().get("ingest", {}).get("fill", "black"))
        ranges = grey_ranges(workspace)
        sources = {
            row["source_id"]: row | {"grey_range": ranges.get(dataset_key(row))}
            for row in store.read_sources(workspace, ("source_id", "path", "kind", "dataset", "modality")).to_pylist()
        }
        for source_id in sorted(wanted, key=lambda one: str(sources[one]["path"])):
            reason = _cut(workspace, sources[source_id], wanted[source_id], options.crop_px, fill, watch)
            if reason is not None:
                failures.append((str(sources[source_id]["path"]), reason))
                report.note(f"failed: {sources[source_id]['path']}: {reason}")
            done += 1
            report.advance(done, crops=written)
    lost = total - written
    folder = workspace.other_crops(options.template, options.crop_px)
    return RecropSummary(folder, written, before, unplaced, lost, tuple(failures))


def _transform(row: dict[str, Any], options: RecropOptions) -> NDArray[np.float64] | None:
    """Return the transform from source to crop pixels, or None for a face without landmarks or square."""
    points = row["landmarks_smoothed"] or row["landmarks"]
    if points is not None and options.template != CENTRED:
        return similarity(np.array(points, np.float32), options.template, options.crop_px)
    if row["matrix"] is not None and row["template"] == options.template:
        return rescale_matrix(np.array(row["matrix"]), row["size_px"], options.crop_px)
    return None


def _cut(
    workspace: Workspace,
    source: dict[str, Any],
    wanted: Sequence[_Wanted],
    size_px: int,
    fill: str,
    watch: Callable[[], None],
) -> str | None:
    """Write the crops of one source, call `watch` after each, and return the reason if some are missing."""
    path = workspace.path_of(source["path"])
    by_frame: dict[int, list[_Wanted]] = {}
    for one in wanted:
        by_frame.setdefault(one.frame_index, []).append(one)
    written, reason = 0, "it ends before its last face"
    try:
        if hash_content(path) != source["source_id"]:
            return "it has other content than when it was ingested"
        with local_file(path) as file, closing(_frames(file, source, by_frame.keys())) as frames:
            for frame in frames:
                for one in by_frame[frame.index]:
                    write_crop(one.path, extract_crop(frame.rgb, one.matrix, size_px, fill), flush=True)
                    written += 1
                    watch()
    except (MachineError, Interrupted):
        raise
    except OSError as error:
        raise_of_machine(error, path)
        reason = f"it cannot be read: {error.strerror or first_line(error)}"
    except Exception as error:
        reason = str(blame(error, path, "cannot be read")).replace(str(path), "it")
    return None if written == len(wanted) else reason


def _frames(path: Path, source: dict[str, Any], indices: Collection[int]) -> Generator[Frame, None, None]:
    """Yield the frames with these numbers, and decode no further than the last."""
    if source["kind"] == "image":
        yield Frame(0, None, read_image(path, source["grey_range"]))
        return
    yield from read_video(path, sampling=Sampling(indices=frozenset(indices)), grey_range=source["grey_range"])
