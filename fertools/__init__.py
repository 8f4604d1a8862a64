"""fertools: from raw face video to a trustworthy expression dataset, and to the models trained on it.

Everything the command line does is a function here. Names are imported on first use, so that
`import fertools` costs nothing.

Example:
    >>> import fertools
    >>> workspace = fertools.Workspace("my-dataset")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fertools.annotations.agreement import measure_agreement as measure_agreement
    from fertools.annotations.exchange import export_annotations as export_annotations
    from fertools.annotations.exchange import import_annotations as import_annotations
    from fertools.annotations.label_import import import_labels as import_labels
    from fertools.annotations.prior import fill_prior as fill_prior
    from fertools.annotations.publish import publish as publish
    from fertools.inference.align import align as align
    from fertools.inference.detect import Face as Face
    from fertools.inference.detect import Faces as Faces
    from fertools.inference.detect import detect as detect
    from fertools.inference.model import Model as Model
    from fertools.inference.model import load_model as load_model
    from fertools.inference.predictions import PicturePrediction as PicturePrediction
    from fertools.inference.predictions import PicturePredictions as PicturePredictions
    from fertools.ingestion.filter import FilterOptions as FilterOptions
    from fertools.ingestion.filter import filter_faces as filter_faces
    from fertools.ingestion.ingest import ingest as ingest
    from fertools.ingestion.options import IngestOptions as IngestOptions
    from fertools.ingestion.recrop import RecropOptions as RecropOptions
    from fertools.ingestion.recrop import recrop as recrop
    from fertools.manifests.store import read_faces as read_faces
    from fertools.manifests.store import read_sources as read_sources
    from fertools.manifests.validation import validate as validate
    from fertools.manifests.workspace import Workspace as Workspace
    from fertools.samples.dataset import SampleOptions as SampleOptions
    from fertools.samples.dataset import draw_dataset as draw_dataset
    from fertools.splits.split import split as split
    from fertools.training.data.dataset import FaceDataset as FaceDataset
    from fertools.training.data.dataset import FaceLabels as FaceLabels
    from fertools.training.jobs.evaluate import assess_runs as assess_runs
    from fertools.training.jobs.evaluate import evaluate_runs as evaluate_runs
    from fertools.training.jobs.generate import generate as generate
    from fertools.training.jobs.train import train as train
    from fertools.transfer.merge import merge as merge
    from fertools.transfer.pull import pull as pull
    from fertools.transfer.push import push as push

__version__ = "0.1.0"

_HOMES = {
    "Face": "fertools.inference.detect",
    "Faces": "fertools.inference.detect",
    "align": "fertools.inference.align",
    "detect": "fertools.inference.detect",
    "FaceDataset": "fertools.training.data.dataset",
    "FaceLabels": "fertools.training.data.dataset",
    "Model": "fertools.inference.model",
    "PicturePrediction": "fertools.inference.predictions",
    "PicturePredictions": "fertools.inference.predictions",
    "load_model": "fertools.inference.model",
    "Workspace": "fertools.manifests.workspace",
    "assess_runs": "fertools.training.jobs.evaluate",
    "evaluate_runs": "fertools.training.jobs.evaluate",
    "IngestOptions": "fertools.ingestion.options",
    "RecropOptions": "fertools.ingestion.recrop",
    "FilterOptions": "fertools.ingestion.filter",
    "SampleOptions": "fertools.samples.dataset",
    "draw_dataset": "fertools.samples.dataset",
    "export_annotations": "fertools.annotations.exchange",
    "filter_faces": "fertools.ingestion.filter",
    "fill_prior": "fertools.annotations.prior",
    "import_annotations": "fertools.annotations.exchange",
    "import_labels": "fertools.annotations.label_import",
    "generate": "fertools.training.jobs.generate",
    "ingest": "fertools.ingestion.ingest",
    "measure_agreement": "fertools.annotations.agreement",
    "merge": "fertools.transfer.merge",
    "publish": "fertools.annotations.publish",
    "pull": "fertools.transfer.pull",
    "push": "fertools.transfer.push",
    "read_faces": "fertools.manifests.store",
    "read_sources": "fertools.manifests.store",
    "recrop": "fertools.ingestion.recrop",
    "split": "fertools.splits.split",
    "train": "fertools.training.jobs.train",
    "validate": "fertools.manifests.validation",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fertools' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
