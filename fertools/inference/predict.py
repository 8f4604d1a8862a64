"""`predict`: apply a model to the faces of videos and pictures, and write a table of its predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertools.core import files, locking, products
from fertools.core.arguments import argument, given
from fertools.core.device import choose_device
from fertools.core.errors import ResumeRefused
from fertools.core.explain import reading
from fertools.core.notebook import html_fields
from fertools.core.processes import processors
from fertools.core.progress import Reporter, Silent
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.detection.min_face import MinFace
from fertools.faces.detection.registry import load_detector
from fertools.inference.model import Model, open_model
from fertools.inference.source_predictions import SourceResult, Work, join_results, predict_source, source_key
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.search import Search
from fertools.sources.discovery import discover

if TYPE_CHECKING:
    import pandas as pd

RECORD_NAME = "predict.json"
"""File of the settings in the folder of the predictions."""


@dataclass(frozen=True)
class PredictSummary:
    """The result of `predict`.

    Attributes:
        table: path of the Parquet table with a row for each face of each searched frame.
        csv: path of the same table as CSV.
        sources: number of files.
        new_sources: number of files that this call worked on; the others were done before.
        frames: number of searched frames.
        faces: number of predicted faces.
        failures: path and reason of each file that could not be read, or not to its end.
        overlays: paths of the videos and pictures with drawn predictions; empty without `overlay`.
    """

    table: Path
    csv: Path
    sources: int
    new_sources: int
    frames: int
    faces: int
    failures: tuple[tuple[str, str], ...]
    overlays: tuple[Path, ...]

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a data frame."""
        import pandas as pd

        return pd.read_parquet(self.table)

    def _repr_html_(self) -> str:
        return html_fields(
            str(self.table), {"files": self.sources, "frames": self.frames, "faces": self.faces, **dict(self.failures)}
        )


def predict(
    sources: Sequence[str | Path] | str | Path,
    model: Model | str | Path = "public",
    *,
    out: str | Path = "predictions",
    workspace: WorkspaceLike = ".",
    every: int = 1,
    fps: float | Fraction | None = None,
    span: tuple[float | Fraction, float | Fraction] | None = None,
    detector: str = "mtcnn",
    min_face: float | MinFace = 20,
    max_faces: int | None = None,
    overlay: bool = False,
    device: str = "auto",
    overwrite: bool = False,
    report: Reporter | None = None,
) -> PredictSummary:
    """Predict the expression of every face in videos and pictures.

    Faces are detected, tracked through each video, and aligned to the crop that the model expects. A second call with
    the same settings resumes: files that are done and have not changed are not read again. A file that cannot be read
    is a failure, and the work continues.

    Args:
        sources: videos, pictures, and folders, which are searched to any depth.
        model: a public model such as `public`, a run as `SYSTEM/RUN`, the folder of a run, a model file, or an opened
            model.
        out: folder for the table and for overlays; it is created.
        workspace: workspace with the run, or with weights of a public model.
        every: search every n-th frame of a video.
        fps: search about N frames per second, by presentation time.
        span: search only frames from one second to another; None for the whole video.
        detector: name of the face detector.
        min_face: smallest face to search for, in pixels or as a share of the short side.
        max_faces: predict at most N faces per frame, largest first; None for all.
        overlay: whether to write a copy of each video and picture with boxes and predictions drawn over it.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`, for the detector and for a model that is not opened yet.
        overwrite: whether to discard predictions in `out` that were made with other settings.
        report: reporter of progress.

    Returns:
        Where the table is, counts, and the failures.

    Raises:
        InputError: there is no such model or source, the model predicts nothing or needs crops, or an argument is out
            of range.
        ResumeRefused: `out` has predictions of another model or with other settings.
        StorageError: the disk is full or cannot be written.

    Example:
        >>> found = predict("photo.jpg", "my-dataset/training/classifier/cpu", out="predicted", device="cpu")
        >>> found.faces, found.failures, "p_anger" in found.to_pandas().columns
        (1, (), True)
    """
    report = report or Silent()
    options = IngestOptions(
        every=every, fps=fps, span=span, detector=detector, min_face=min_face, max_faces=max_faces, quality="keep-all"
    )
    chosen = choose_device(device)
    opened = open_model(model, Workspace(workspace), device)
    opened.require_predictions()
    opened.require_template()
    inputs = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    root = Path(out).expanduser().absolute()
    found = discover([path.expanduser() for path in inputs], beside=[root] if root.is_dir() else [])
    products.mark(root)
    with locking.exclusive(root / ".lock", "a prediction"):
        _begin(root, _settings(opened, options), overwrite=overwrite)
        if found.passed_over:
            report.note(f"passed over: {', '.join(f'{count:,} {why}' for why, count in found.passed_over.items())}")
        search = Search(load_detector(detector, options.detector_options(chosen)), processors(), 8)
        work = Work(root, opened, options, search, overlay)
        try:
            results, new = _work(work, [(file.path, file.kind) for file in found.files], report)
        finally:
            search.close()
        table, csv = join_results(root, results, opened)
    return PredictSummary(
        table=table,
        csv=csv,
        sources=len(results),
        new_sources=new,
        frames=sum(result.frames for result in results),
        faces=sum(result.faces for result in results),
        failures=tuple((result.source, result.reason) for result in results if result.reason is not None),
        overlays=tuple(result.overlay for result in results if overlay and result.overlay is not None),
    )


def _work(work: Work, found: Sequence[tuple[Path, Any]], report: Reporter) -> tuple[list[SourceResult], int]:
    report.start(len(found))
    results, new, faces = [], 0, 0
    for done, (path, kind) in enumerate(found, 1):
        result = work.finished(source_key(path), path)
        if result is None:
            result, new = predict_source(work, path, kind), new + 1
            if result.reason is not None:
                report.note(f"failed: {result.source}: {result.reason}")
        results.append(result)
        faces += result.faces
        report.advance(done, faces=faces)
    return results, new


def _settings(model: Model, options: IngestOptions) -> dict[str, Any]:
    """Return everything that the predictions depend on, in a form that JSON can hold."""
    names = ("every", "fps", "span", "min_face", "max_faces")
    recorded = {name: value for name, value in options.recorded().items() if name in names}
    return {
        "model": {"path": str(model.path), "digest": model.info.digest, "system": model.info.system},
        "detector": options.detector,
        **recorded,
    }


def _begin(root: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Record the settings in the folder of the predictions; refuse others than the recorded ones."""
    path = root / RECORD_NAME
    old = None
    if path.is_file() and not overwrite:
        with reading(path, "is no record of predictions", f"begin again with {given('overwrite', True)}"):
            old = json.loads(path.read_bytes())
    if old is not None and _comparable(old) != _comparable(settings):
        raise ResumeRefused(
            f"{root} has predictions of another model or with other settings; give another folder with "
            f"{argument('out')}, or discard them with {given('overwrite', True)}"
        )
    if old is None:
        for pattern in ("parts/*.parquet", "overlay/*-????????.mp4", "overlay/*-????????.png"):
            for stale in root.glob(pattern):
                stale.unlink()
        files.write_json(path, settings)


def _comparable(settings: dict[str, Any]) -> dict[str, Any]:
    # A copied model file is the same model.
    return {**settings, "model": settings.get("model", {}).get("digest")}
