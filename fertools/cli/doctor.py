"""`fertools doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, print_result, workspace_option
from fertools.core.arguments import shown


@click.command("doctor")
@workspace_option
@json_option
def command(folder: Path, as_json: bool) -> int:
    """Check what this machine can do and what is missing; exit 4 if something is missing."""
    from fertools.core.diagnostics import Finding, inspect_machine
    from fertools.core.errors import CheckFailed, InputError
    from fertools.core.native.library import MISSING, library
    from fertools.faces.detection.mtcnn.weights import load_weights

    workspace = open_workspace(folder)
    findings = inspect_machine(workspace.root)
    try:
        weights = load_weights("auto")
        findings.append(Finding("MTCNN weights", f"from {weights.name}, digest {weights.digest[:12]}"))
    except InputError as error:
        findings.append(Finding("MTCNN weights", "not found", shown(error.message)))
    compiled = library()
    findings.append(Finding("MTCNN networks", f"compiled for {compiled.level}" if compiled else MISSING))
    print_result({finding.name: finding.detail for finding in findings}, as_json)
    if missing := [finding for finding in findings if finding.remedy]:
        raise CheckFailed("; ".join(f"{finding.name}: {finding.remedy}" for finding in missing))
    return 0
