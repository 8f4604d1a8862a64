"""`fertools import-manifest`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("import-manifest")
@click.argument("export_folder", type=click.Path(path_type=Path), metavar="FOLDER")
@workspace_option
@wait_option
@json_option
def command(export_folder: Path, folder: Path, as_json: bool) -> int:
    """Make a dataset of the export in FOLDER, or add it to one.

    Rows and crops come back as they were, and every picture is compared with its digest. What this dataset has
    forgotten stays out. Run the same command again to resume after any stop.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.transfer.imports.import_manifest import import_manifest

    with Progress("import", "faces") as report:
        summary = import_manifest(export_folder, open_workspace(folder), report)
    print_result(fields_of(summary), as_json)
    if damaged := len(summary.damaged):
        raise ItemsFailed(
            f"{damaged:,} faces were not imported, because their pictures are missing or differ from the export; "
            "restore them and run again"
        )
    return 0
