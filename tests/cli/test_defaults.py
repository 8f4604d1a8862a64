"""An option that is not given means what the argument of the library means that is not given."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import fertools
from fertools.annotations.app.address import Address
from fertools.annotations.app.service import Settings
from fertools.annotations.queue_plan import Plan
from fertools.faces.detection.min_face import MinFace

COMMANDS: dict[str, tuple[Callable[..., Any], ...]] = {
    "sample": (fertools.SampleOptions, fertools.draw_dataset),
    "ingest": (fertools.IngestOptions, fertools.ingest),
    "identify": (fertools.IdentifyOptions, fertools.identify),
    "filter": (fertools.FilterOptions, fertools.filter_faces),
    "select": (fertools.SelectOptions, fertools.select_frames),
    "merge": (fertools.merge,),
    "push": (fertools.push,),
    "pull": (fertools.pull,),
    "export": (fertools.DatasetExportOptions, fertools.export),
    "forget": (fertools.forget,),
    "recrop": (fertools.RecropOptions, fertools.recrop),
    "annotate": (Plan, Address, Settings, fertools.fill_prior),
    "annotate_agreement": (fertools.measure_agreement,),
    "annotate_publish": (fertools.publish,),
    "annotate_import": (fertools.import_annotations,),
    "annotate_export": (fertools.export_annotations,),
    "split": (fertools.split,),
    "train": (fertools.train,),
    "predict": (fertools.predict,),
    "collect": (fertools.collect, fertools.CollectOptions),
    "generate": (fertools.generate,),
    "evaluate": (fertools.evaluate_runs, fertools.EvaluationOptions),
    "compare": (fertools.compare_runs,),
    "experiment": (fertools.run_experiment,),
    "stats": (fertools.FaceConditions,),
    "show": (fertools.FaceConditions, fertools.ContactSheetOptions, fertools.draw_face),
    "validate": (fertools.validate,),
}
"""What each command calls; `demo`, `doctor`, `report` and `weights` call nothing with a default of its own."""
HELP = ["-h", "--help"]
"""As the command line has them: a command keeps its help option once it is built."""
ARGUMENTS = {
    "sample": ["out"],
    "ingest": ["in"],
    "predict": ["in"],
    "select": ["--frames", "all"],
    "merge": ["a"],
    "push": ["s3://bucket/name"],
    "pull": ["s3://bucket/name"],
    "export": ["out"],
    "train": ["stargan"],
    "generate": ["stargan/x"],
    "evaluate": ["stargan/x"],
    "experiment": ["x"],
    "annotate_import": ["csv"],
    "annotate_export": ["csv", "--out", "x.csv"],
}
"""What has to be given."""
OF_THE_TERMINAL = {
    # Where, how it is shown, and questions that end before anything is done.
    *("folder", "as_json", "form", "listing", "explain", "dry_run", "csv_path", "sheet", "page"),
    *("face", "track"),
    *("va", "emotion", "prior", "no_browser", "hide_agreement"),
    # Given to the library in another form, which a test below or the command's own tests compare.
    *("settings", "templates", "calibration", "suggestions", "ranges", "rejected"),
}
"""Options that no argument of the library has by the same name."""
OWN = {
    "annotate": {"model"},
    "annotate_agreement": {"overwrite"},
    "annotate_export": {"out"},
    "split": {"published", "verify", "applied"},
    "train": {"seed"},
    "select": {"frames"},
}
"""The same for one command: of a file that it writes itself or reads, what is required, and a key of the recipe."""


def defaults_of(target: Callable[..., Any]) -> dict[str, Any]:
    found = {name: one.default for name, one in inspect.signature(target).parameters.items()}
    return {name: value for name, value in found.items() if value is not inspect.Parameter.empty}


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_of_a_command_are_those_of_the_library(name: str) -> None:
    command = importlib.import_module(f"fertools.cli.{name}").command
    given = command.make_context(name, list(ARGUMENTS.get(name, [])), help_option_names=HELP).params
    options = {option.name for option in command.params if option.param_type_name == "option" and option.expose_value}
    known: dict[str, Any] = {}
    for target in COMMANDS[name]:
        known |= {key: value for key, value in defaults_of(target).items() if key in options}
    assert options - set(known) - OF_THE_TERMINAL - OWN.get(name, set()) == set()
    for key in known.keys() - OF_THE_TERMINAL - OWN.get(name, set()):
        if isinstance(given[key], MinFace):
            assert given[key] == MinFace.of(known[key]), key
        else:
            assert given[key] == known[key], key


def test_templates_are_the_librarys() -> None:
    command = importlib.import_module("fertools.cli.ingest").command
    first, *more = command.make_context("ingest", ["in"], help_option_names=HELP).params["templates"]
    assert (first, tuple(more)) == (fertools.IngestOptions.template, fertools.IngestOptions.more_templates)
