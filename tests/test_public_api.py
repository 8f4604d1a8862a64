"""The public names: exactly these, always the same objects, and imported only when they are used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fertools
from fertools.core import errors

_TEXT = """
    Agreement Anchoring AuditReport AxisConsistency CheckFailed CollectOptions CollectSummary ComparisonResult
    ConfidenceInterval ConfusionMatrix ContactSheetOptions CopySummary DataState DatasetExportOptions
    DatasetExportSummary DatasetPreview DatasetStats Descriptor DeviceError Disagreement Distribution DomainData
    Embedder EmbedderCard Estimate Evaluation EvaluationOptions ExperimentResult ExportSummary Face
    FaceConditions FaceDataset FaceLabels FaceRating FaceSelection Faces FeatureDistance FertoolsError
    FilterOptions FilterSummary Finding FoldMean ForgetSummary Gap GenerateResult GreyRange IdentifyOptions
    IdentifySummary ImportSummary InUse IngestOptions IngestSummary InputError Interrupted ItemsFailed
    LabelColumns LabelCount Leakage MachineError ManifestImportSummary Measured Metric MinFace Model ModelLabels
    PersonCount PicturePrediction PicturePredictions PredictSummary PredictionMetrics PriorSummary Provenance
    PublishSummary RaterConsistency RatingsSummary RecipeError RecropOptions RecropSummary ResumeRefused
    RunComparison RunEvaluation SampleOptions SampleSummary SchemaError SelectOptions SelectSummary SourceCount
    SplitCheck SplitFix SplitSummary StorageError SystemList SystemState TrainResult TranslationMetrics
    ValidationReport WeightsState Workspace __version__ align apply_fix apply_split assess_runs audit collect
    compare_runs detect draw_contact_sheet draw_dataset draw_face draw_film_strip evaluate_runs export
    export_annotations fill_emotion fill_prior filter_faces forget generate identify import_annotations
    import_labels import_manifest ingest list_datasets list_systems load_model measure_agreement merge predict
    preview_dataset publish publish_split pull push read_faces read_sources recrop run_experiment select_frames
    split stats train validate verify_split write_audit_page write_stats_page write_suggestions
"""
NAMES = _TEXT.split()
"""Every name that users may rely on. A change here is a change for them."""
NOT_IMPORTED = {
    "fertools.__main__",
    "fertools.core.cluster",
    "fertools.ingestion.engines.ray",
    "fertools.training.experiments.ray",
}
HEAVY = ("torch", "cv2", "pandas", "pyarrow", "numpy", "PIL", "rich", "click", "av", "scipy", "accelerate")


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(fertools.__all__) == sorted(NAMES) == dir(fertools)
    with pytest.raises(AttributeError, match="no attribute 'ingests'"):
        fertools.ingests  # noqa: B018


def test_names_are_the_same_things_before_and_after_every_module_is_imported() -> None:
    names = [name for name in NAMES if name != "__version__"]
    first = {name: getattr(fertools, name) for name in names}
    for info in pkgutil.walk_packages(fertools.__path__, "fertools."):
        if info.name not in NOT_IMPORTED:
            importlib.import_module(info.name)
    for _ in range(2):
        for name in names:
            value = getattr(fertools, name)
            assert value is first[name]
            assert inspect.isclass(value) or inspect.isfunction(value)
            assert value.__name__ == name


def test_no_public_name_is_that_of_a_module() -> None:
    modules = {info.name for info in pkgutil.iter_modules(fertools.__path__)}
    assert not modules & set(NAMES)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(fertools.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == fertools._HOMES


def test_every_error_is_public() -> None:
    declared = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert declared <= set(NAMES)


def test_public_functions_return_public_results_and_name_their_options() -> None:
    for name in NAMES:
        value = getattr(fertools, name)
        if not inspect.isfunction(value):
            continue
        kinds = [parameter.kind for parameter in inspect.signature(value).parameters.values()]
        assert inspect.Parameter.VAR_KEYWORD not in kinds, name
        returned = str(inspect.signature(value).return_annotation)
        assert not re.search(r"\b(dict|Any)\b", returned), name
        results = [word for word in re.findall(r"[A-Za-z_.]+", returned) if word[0].isupper()]
        unknown = set(results) - set(NAMES) - {"None", "Path", "Rgb"}
        assert not unknown, f"{name} returns what cannot be imported: {returned}"


def test_every_public_thing_says_what_it_is() -> None:
    for name in NAMES:
        value = getattr(fertools, name)
        if inspect.isfunction(value):
            words = inspect.getdoc(value) or ""
            unnamed = [argument for argument in inspect.signature(value).parameters if f"{argument}: " not in words]
            assert not unnamed, f"{name} says nothing of {unnamed}"
            assert "Raises:" in words, name


@pytest.mark.parametrize("program", ["import fertools", "import fertools; fertools.Workspace; fertools.InputError"])
def test_importing_the_package_imports_nothing_heavy(program: str) -> None:
    heavy = HEAVY if program == "import fertools" else ("torch", "cv2", "pandas", "rich", "av", "scipy")
    check = f"import sys; {program}; sys.exit(str(found) if (found := set({heavy!r}) & set(sys.modules)) else 0)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_few_modules() -> None:
    check = "import sys; before = set(sys.modules); import fertools; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if name.startswith("fertools")] == ["fertools"]
