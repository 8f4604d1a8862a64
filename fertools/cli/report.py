"""`fertools report NAME`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, print_result, workspace_option


@click.command("report")
@click.argument("name", metavar="RUN|EXPERIMENT")
@workspace_option
@json_option
def command(name: str, folder: Path, as_json: bool) -> int:
    """Write the report of a run or an experiment as one self-contained HTML page.

    Training writes it too. Use this command for predictions of other tools, and after an update.
    """
    from fertools.training.experiments.rebuild_report import report_on

    print_result({"report": str(report_on(open_workspace(folder), name))}, as_json)
    return 0
