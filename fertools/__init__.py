"""fertools: from raw face video to a trustworthy expression dataset, and to the models trained on it.

Every command of the command line is a function here. Names are imported on first use, so `import fertools` is fast.

Example:
    >>> import fertools
    >>> workspace = fertools.Workspace("my-dataset")
    >>> len(workspace.faces(emotion="anger"))
    4
    >>> train = fertools.FaceDataset(workspace, fold=0, side="train")
    >>> model = fertools.load_model("my-dataset/training/classifier/cpu")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fertools.annotations.agreement import Agreement as Agreement
    from fertools.annotations.agreement import Estimate as Estimate
    from fertools.annotations.agreement import measure_agreement as measure_agreement
    from fertools.annotations.consistency import Anchoring as Anchoring
    from fertools.annotations.consistency import AxisConsistency as AxisConsistency
    from fertools.annotations.consistency import RaterConsistency as RaterConsistency
    from fertools.annotations.disagreement import Disagreement as Disagreement
    from fertools.annotations.disagreement import FaceRating as FaceRating
    from fertools.annotations.exchange import ExportSummary as ExportSummary
    from fertools.annotations.exchange import export_annotations as export_annotations
    from fertools.annotations.exchange import import_annotations as import_annotations
    from fertools.annotations.imported_ratings import RatingsSummary as RatingsSummary
    from fertools.annotations.label_import import ImportSummary as ImportSummary
    from fertools.annotations.label_import import import_labels as import_labels
    from fertools.annotations.prior import PriorSummary as PriorSummary
    from fertools.annotations.prior import fill_prior as fill_prior
    from fertools.annotations.publish import PublishSummary as PublishSummary
    from fertools.annotations.publish import publish as publish
    from fertools.core.errors import CheckFailed as CheckFailed
    from fertools.core.errors import DeviceError as DeviceError
    from fertools.core.errors import FertoolsError as FertoolsError
    from fertools.core.errors import InputError as InputError
    from fertools.core.errors import Interrupted as Interrupted
    from fertools.core.errors import InUse as InUse
    from fertools.core.errors import ItemsFailed as ItemsFailed
    from fertools.core.errors import MachineError as MachineError
    from fertools.core.errors import RecipeError as RecipeError
    from fertools.core.errors import ResumeRefused as ResumeRefused
    from fertools.core.errors import SchemaError as SchemaError
    from fertools.core.errors import StorageError as StorageError
    from fertools.faces.detection.min_face import MinFace as MinFace
    from fertools.faces.identity.embedder import Embedder as Embedder
    from fertools.faces.identity.embedder import EmbedderCard as EmbedderCard
    from fertools.faces.identity.identify import identify as identify
    from fertools.faces.identity.identity_options import IdentifyOptions as IdentifyOptions
    from fertools.faces.identity.identity_options import IdentifySummary as IdentifySummary
    from fertools.inference.align import align as align
    from fertools.inference.detect import Face as Face
    from fertools.inference.detect import Faces as Faces
    from fertools.inference.detect import detect as detect
    from fertools.inference.model import Model as Model
    from fertools.inference.model import load_model as load_model
    from fertools.inference.predict import PredictSummary as PredictSummary
    from fertools.inference.predict import predict as predict
    from fertools.inference.results import PicturePrediction as PicturePrediction
    from fertools.inference.results import PicturePredictions as PicturePredictions
    from fertools.inference.workspace_predictions import ModelLabels as ModelLabels
    from fertools.inference.workspace_predictions import fill_emotion as fill_emotion
    from fertools.inference.workspace_predictions import write_suggestions as write_suggestions
    from fertools.ingestion.dataset_preview import DatasetPreview as DatasetPreview
    from fertools.ingestion.dataset_preview import list_datasets as list_datasets
    from fertools.ingestion.dataset_preview import preview_dataset as preview_dataset
    from fertools.ingestion.filter import FilterOptions as FilterOptions
    from fertools.ingestion.filter import FilterSummary as FilterSummary
    from fertools.ingestion.filter import filter_faces as filter_faces
    from fertools.ingestion.ingest import IngestSummary as IngestSummary
    from fertools.ingestion.ingest import ingest as ingest
    from fertools.ingestion.options import IngestOptions as IngestOptions
    from fertools.ingestion.recrop import RecropOptions as RecropOptions
    from fertools.ingestion.recrop import RecropSummary as RecropSummary
    from fertools.ingestion.recrop import recrop as recrop
    from fertools.ingestion.select_frames import SelectOptions as SelectOptions
    from fertools.ingestion.select_frames import SelectSummary as SelectSummary
    from fertools.ingestion.select_frames import select_frames as select_frames
    from fertools.manifests.dataset_workspace import Workspace as Workspace
    from fertools.manifests.query import FaceSelection as FaceSelection
    from fertools.manifests.store import read_faces as read_faces
    from fertools.manifests.store import read_sources as read_sources
    from fertools.manifests.validation import ValidationReport as ValidationReport
    from fertools.manifests.validation import validate as validate
    from fertools.samples.dataset import SampleSummary as SampleSummary
    from fertools.samples.dataset import draw_dataset as draw_dataset
    from fertools.samples.sample_options import SampleOptions as SampleOptions
    from fertools.sources.datasets.descriptor import Descriptor as Descriptor
    from fertools.sources.grey_range import GreyRange as GreyRange
    from fertools.sources.label_columns import LabelColumns as LabelColumns
    from fertools.sources.web.collect import CollectSummary as CollectSummary
    from fertools.sources.web.collect import collect as collect
    from fertools.sources.web.collect_options import CollectOptions as CollectOptions
    from fertools.sources.web.video_provenance import Provenance as Provenance
    from fertools.splits.audit.audit_finding import Finding as Finding
    from fertools.splits.audit.leakage import Leakage as Leakage
    from fertools.splits.audit.run_audit import AuditReport as AuditReport
    from fertools.splits.audit.split_fix import SplitFix as SplitFix
    from fertools.splits.audit.split_fix import apply_fix as apply_fix
    from fertools.splits.published import SplitCheck as SplitCheck
    from fertools.splits.published import publish_split as publish_split
    from fertools.splits.published import verify_split as verify_split
    from fertools.splits.split import apply_split as apply_split
    from fertools.splits.split import split as split
    from fertools.splits.split_summary import SplitSummary as SplitSummary
    from fertools.statistics.intervals import ConfidenceInterval as ConfidenceInterval
    from fertools.statistics.intervals import FoldMean as FoldMean
    from fertools.training.data.face_dataset import FaceDataset as FaceDataset
    from fertools.training.data.face_dataset import FaceLabels as FaceLabels
    from fertools.training.data.readiness import DataState as DataState
    from fertools.training.data.readiness import DomainData as DomainData
    from fertools.training.data.readiness import Gap as Gap
    from fertools.training.evaluation.evaluation_options import EvaluationOptions as EvaluationOptions
    from fertools.training.evaluation.evaluation_results import Evaluation as Evaluation
    from fertools.training.evaluation.evaluation_results import FeatureDistance as FeatureDistance
    from fertools.training.evaluation.evaluation_results import Metric as Metric
    from fertools.training.evaluation.evaluation_results import PredictionMetrics as PredictionMetrics
    from fertools.training.evaluation.evaluation_results import RunComparison as RunComparison
    from fertools.training.evaluation.evaluation_results import TranslationMetrics as TranslationMetrics
    from fertools.training.evaluation.run_evaluation import ConfusionMatrix as ConfusionMatrix
    from fertools.training.evaluation.run_evaluation import RunEvaluation as RunEvaluation
    from fertools.training.experiments.execution import ExperimentResult as ExperimentResult
    from fertools.training.experiments.execution import run_experiment as run_experiment
    from fertools.training.jobs.audit_split import audit as audit
    from fertools.training.jobs.compare import ComparisonResult as ComparisonResult
    from fertools.training.jobs.compare import compare_runs as compare_runs
    from fertools.training.jobs.evaluate import assess_runs as assess_runs
    from fertools.training.jobs.evaluate import evaluate_runs as evaluate_runs
    from fertools.training.jobs.generate import GenerateResult as GenerateResult
    from fertools.training.jobs.generate import generate as generate
    from fertools.training.jobs.system_list import Measured as Measured
    from fertools.training.jobs.system_list import SystemList as SystemList
    from fertools.training.jobs.system_list import SystemState as SystemState
    from fertools.training.jobs.system_list import WeightsState as WeightsState
    from fertools.training.jobs.system_list import list_systems as list_systems
    from fertools.training.jobs.train import TrainResult as TrainResult
    from fertools.training.jobs.train import train as train
    from fertools.transfer.exports.export import DatasetExportSummary as DatasetExportSummary
    from fertools.transfer.exports.export import export as export
    from fertools.transfer.exports.export_options import DatasetExportOptions as DatasetExportOptions
    from fertools.transfer.forget import ForgetSummary as ForgetSummary
    from fertools.transfer.forget import forget as forget
    from fertools.transfer.imports.import_manifest import ManifestImportSummary as ManifestImportSummary
    from fertools.transfer.imports.import_manifest import import_manifest as import_manifest
    from fertools.transfer.inventory import CopySummary as CopySummary
    from fertools.transfer.merge import merge as merge
    from fertools.transfer.pull import pull as pull
    from fertools.transfer.push import push as push
    from fertools.views.audit_page import write_audit_page as write_audit_page
    from fertools.views.conditions import FaceConditions as FaceConditions
    from fertools.views.contact_sheet import ContactSheetOptions as ContactSheetOptions
    from fertools.views.contact_sheet import draw_contact_sheet as draw_contact_sheet
    from fertools.views.contact_sheet import draw_film_strip as draw_film_strip
    from fertools.views.face_picture import draw_face as draw_face
    from fertools.views.label_counts import LabelCount as LabelCount
    from fertools.views.stats import DatasetStats as DatasetStats
    from fertools.views.stats import Distribution as Distribution
    from fertools.views.stats import PersonCount as PersonCount
    from fertools.views.stats import SourceCount as SourceCount
    from fertools.views.stats import stats as stats
    from fertools.views.stats_page import write_stats_page as write_stats_page

__version__ = "0.2.0"

_NAMES = {
    "fertools.annotations.agreement": ("Agreement", "Estimate", "measure_agreement"),
    "fertools.annotations.consistency": ("Anchoring", "AxisConsistency", "RaterConsistency"),
    "fertools.annotations.disagreement": ("Disagreement", "FaceRating"),
    "fertools.annotations.exchange": ("ExportSummary", "export_annotations", "import_annotations"),
    "fertools.annotations.imported_ratings": ("RatingsSummary",),
    "fertools.annotations.label_import": ("ImportSummary", "import_labels"),
    "fertools.annotations.prior": ("PriorSummary", "fill_prior"),
    "fertools.annotations.publish": ("PublishSummary", "publish"),
    "fertools.core.errors": (
        "CheckFailed",
        "DeviceError",
        "FertoolsError",
        "InUse",
        "InputError",
        "Interrupted",
        "ItemsFailed",
        "MachineError",
        "RecipeError",
        "ResumeRefused",
        "SchemaError",
        "StorageError",
    ),
    "fertools.faces.detection.min_face": ("MinFace",),
    "fertools.faces.identity.embedder": ("Embedder", "EmbedderCard"),
    "fertools.faces.identity.identify": ("identify",),
    "fertools.faces.identity.identity_options": ("IdentifyOptions", "IdentifySummary"),
    "fertools.inference.align": ("align",),
    "fertools.inference.detect": ("Face", "Faces", "detect"),
    "fertools.inference.model": ("Model", "load_model"),
    "fertools.inference.predict": ("PredictSummary", "predict"),
    "fertools.inference.results": ("PicturePrediction", "PicturePredictions"),
    "fertools.ingestion.dataset_preview": ("DatasetPreview", "list_datasets", "preview_dataset"),
    "fertools.inference.workspace_predictions": ("ModelLabels", "fill_emotion", "write_suggestions"),
    "fertools.ingestion.filter": ("FilterOptions", "FilterSummary", "filter_faces"),
    "fertools.ingestion.ingest": ("IngestSummary", "ingest"),
    "fertools.ingestion.options": ("IngestOptions",),
    "fertools.ingestion.recrop": ("RecropOptions", "RecropSummary", "recrop"),
    "fertools.ingestion.select_frames": ("SelectOptions", "SelectSummary", "select_frames"),
    "fertools.manifests.dataset_workspace": ("Workspace",),
    "fertools.manifests.query": ("FaceSelection",),
    "fertools.manifests.store": ("read_faces", "read_sources"),
    "fertools.manifests.validation": ("ValidationReport", "validate"),
    "fertools.samples.dataset": ("SampleSummary", "draw_dataset"),
    "fertools.samples.sample_options": ("SampleOptions",),
    "fertools.sources.datasets.descriptor": ("Descriptor",),
    "fertools.sources.grey_range": ("GreyRange",),
    "fertools.sources.label_columns": ("LabelColumns",),
    "fertools.sources.web.collect": ("CollectSummary", "collect"),
    "fertools.sources.web.collect_options": ("CollectOptions",),
    "fertools.sources.web.video_provenance": ("Provenance",),
    "fertools.splits.audit.audit_finding": ("Finding",),
    "fertools.splits.audit.leakage": ("Leakage",),
    "fertools.splits.audit.run_audit": ("AuditReport",),
    "fertools.splits.audit.split_fix": ("SplitFix", "apply_fix"),
    "fertools.splits.published": ("SplitCheck", "publish_split", "verify_split"),
    "fertools.splits.split": ("apply_split", "split"),
    "fertools.splits.split_summary": ("SplitSummary",),
    "fertools.statistics.intervals": ("ConfidenceInterval", "FoldMean"),
    "fertools.training.data.face_dataset": ("FaceDataset", "FaceLabels"),
    "fertools.training.data.readiness": ("DataState", "DomainData", "Gap"),
    "fertools.training.evaluation.evaluation_options": ("EvaluationOptions",),
    "fertools.training.evaluation.evaluation_results": (
        "Evaluation",
        "FeatureDistance",
        "Metric",
        "PredictionMetrics",
        "RunComparison",
        "TranslationMetrics",
    ),
    "fertools.training.evaluation.run_evaluation": ("ConfusionMatrix", "RunEvaluation"),
    "fertools.training.experiments.execution": ("ExperimentResult", "run_experiment"),
    "fertools.training.jobs.audit_split": ("audit",),
    "fertools.training.jobs.compare": ("ComparisonResult", "compare_runs"),
    "fertools.training.jobs.evaluate": ("assess_runs", "evaluate_runs"),
    "fertools.training.jobs.generate": ("GenerateResult", "generate"),
    "fertools.training.jobs.system_list": ("Measured", "SystemList", "SystemState", "WeightsState", "list_systems"),
    "fertools.training.jobs.train": ("TrainResult", "train"),
    "fertools.transfer.forget": ("ForgetSummary", "forget"),
    "fertools.transfer.exports.export": ("DatasetExportSummary", "export"),
    "fertools.transfer.exports.export_options": ("DatasetExportOptions",),
    "fertools.transfer.imports.import_manifest": ("ManifestImportSummary", "import_manifest"),
    "fertools.transfer.inventory": ("CopySummary",),
    "fertools.transfer.merge": ("merge",),
    "fertools.transfer.pull": ("pull",),
    "fertools.transfer.push": ("push",),
    "fertools.views.conditions": ("FaceConditions",),
    "fertools.views.contact_sheet": ("ContactSheetOptions", "draw_contact_sheet", "draw_film_strip"),
    "fertools.views.face_picture": ("draw_face",),
    "fertools.views.label_counts": ("LabelCount",),
    "fertools.views.stats": ("DatasetStats", "Distribution", "PersonCount", "SourceCount", "stats"),
    "fertools.views.stats_page": ("write_stats_page",),
    "fertools.views.audit_page": ("write_audit_page",),
}
"""Public names by their modules."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fertools' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
