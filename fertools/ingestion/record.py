"""The workspace's record of an ingest, and the refusal of a rerun that would mix two kinds of results.

The record holds the options that change the result, and the detector's name, engine, weights and settings. Two engines
place boxes and points slightly differently. So a workspace holds the faces of one detector, unless the user allows a
mixture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fertools.core.arguments import argument, given
from fertools.core.errors import ResumeRefused
from fertools.core.workspace import Workspace
from fertools.faces.detection.detector import Detector, DetectorIdentity, ScoreLevels
from fertools.ingestion.options import IngestOptions

SECTION = "ingest"
"""Section of `fertools.toml` that holds the record."""

_MIXED = "mixed_detectors"


def record_of(
    workspace: Workspace, options: IngestOptions, detector: Detector, steps: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the workspace's record of this ingest.

    Args:
        workspace: workspace whose earlier record names the detectors that are mixed already.
        options: options of this run.
        detector: detector of this run.
        steps: names of the pipeline's steps, if they are not the default steps.
    """
    before = workspace.settings().get(SECTION, {})
    identities = set(before.get(_MIXED, ()))
    if before and _detector_part(before) != _identity_part(detector.identity):
        identities |= {_describe(before), str(detector.identity)}
    levels = detector.score_levels
    record = {
        **options.recorded(),
        **_identity_part(detector.identity),
        **detector.identity.settings,
        "score_levels": [levels.confident, levels.strict, levels.certain],
    }
    record |= {"steps": list(steps)} if steps else {}
    return record | ({_MIXED: sorted(identities)} if identities else {})


def refuse_other_options(
    workspace: Workspace, options: IngestOptions, detector: Detector, steps: Sequence[str] = ()
) -> None:
    """Raise ResumeRefused if this workspace was ingested with other options or another detector.

    Args:
        workspace: the workspace to continue.
        options: options of this run; `mix_detectors` allows another detector.
        detector: detector of this run.
        steps: names of the pipeline's steps, if they are not the default steps.
    """
    before = workspace.settings().get(SECTION)
    if before is None:
        return
    now = record_of(workspace, options, detector, steps)
    of_detector = {*_identity_part(detector.identity), *detector.identity.settings, "score_levels", _MIXED}
    # An option that is newer than the workspace had its default then.
    before = {**IngestOptions().recorded(), **before}
    may_mix = options.mix_detectors or str(detector.identity) in before.get(_MIXED, ())
    # The detector's name says most, so it comes first.
    for key in sorted({*before, *now} - {_MIXED}, key=lambda key: (key != "detector", key)):
        old, new = before.get(key, "unset"), now.get(key, "unset")
        is_detectors = key in of_detector or key in ("thresholds", "factor", "mode")
        if old == new or (is_detectors and may_mix):
            continue
        remedy = (
            f"give the same again, use another {argument('workspace')}, or begin again with {given('overwrite', True)}"
        )
        if is_detectors:
            remedy += f"; {argument('mix_detectors')} adds faces of another detector all the same"
        raise ResumeRefused(f"{workspace.root} was ingested with {key} {old}, not {new}; {remedy}")


def refuse_other_engine(workspace: Workspace, detector: Detector, machine: str) -> None:
    """Raise ResumeRefused if the engine of a worker's machine is not the recorded engine.

    Args:
        workspace: the workspace that the worker writes to.
        detector: detector on the worker's machine.
        machine: name of that machine.
    """
    recorded = workspace.settings()[SECTION]["detector_engine"]
    if detector.identity.engine != recorded:
        raise ResumeRefused(
            f"the machine {machine} finds faces by {detector.identity.engine}, and {workspace.root} records "
            f"{recorded}; install the same fertools on all machines, or say which {argument('device')} they shall use"
        )


def score_levels_in(record: Mapping[str, Any]) -> ScoreLevels:
    """Return the score levels of the detector that a record names."""
    return ScoreLevels(*record["score_levels"]) if "score_levels" in record else ScoreLevels()


def _identity_part(identity: DetectorIdentity) -> dict[str, Any]:
    return {"detector": identity.name, "detector_engine": identity.engine, "weights": identity.weights}


def _detector_part(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record.get(key, "unset") for key in ("detector", "detector_engine", "weights")}


def _describe(record: Mapping[str, Any]) -> str:
    part = _detector_part(record)
    return str(DetectorIdentity(part["detector"], part["detector_engine"], part["weights"]))
