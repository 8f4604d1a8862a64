"""`fertools export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option
from fertools.transfer.exports.export_options import DatasetExportOptions, ExportFormat

GROUPS = {
    "Folder": ("--workspace", "--format", "--shard-faces", "--wait"),
    "Faces": ("--emotion", "--dataset", "--part", "--test-fold", "--allow-restricted"),
    "Description": ("--title", "--creator", "--url", "--published"),
}
"""Headings of `fertools export --help`, and the options below each."""


@click.command("export", cls=GroupedCommand, groups=GROUPS)
@click.argument("out", type=click.Path(path_type=Path), metavar="FOLDER")
@workspace_option
@wait_option
@click.option(
    "--format",
    "format",
    type=click.Choice(get_args(ExportFormat)),
    default=DatasetExportOptions.format,
    show_default=True,
    help="Layout of the folder.",
)
@click.option("--emotion", multiple=True, metavar="NAME", help="Export only this expression. Repeat it for more.")
@click.option("--dataset", multiple=True, metavar="NAME", help="Export only this dataset. Repeat it for more.")
@click.option(
    "--part",
    multiple=True,
    metavar="NAME",
    help="Export only this part of the split: train, val, test or fold_N. Repeat it for more.",
)
@click.option(
    "--test-fold",
    "test_folds",
    type=int,
    multiple=True,
    metavar="N",
    help="Fold that becomes the part test; the others become train. Repeat it for more.  [default: a part per fold]",
)
@click.option(
    "--shard-faces",
    type=int,
    default=DatasetExportOptions.shard_faces,
    show_default=True,
    help="Faces per file of webdataset and huggingface.",
)
@click.option(
    "--allow-restricted", is_flag=True, help="Export datasets whose terms forbid passing their pictures on, too."
)
@click.option("--title", metavar="TEXT", help="Name of the dataset in its description.  [default: names of datasets]")
@click.option("--creator", multiple=True, metavar="NAME", help="Maker of the dataset. Repeat it for more.")
@click.option("--url", metavar="ADDRESS", help="Address of the dataset, for its description.")
@click.option("--published", metavar="DAY", help="Day of the publication, such as 2026-12-01.")
@json_option
def command(out: Path, folder: Path, as_json: bool, **values: Any) -> int:
    """Write the kept faces to FOLDER in a layout that other tools read.

    Parts of the split become folders or files, and no person is in two of them. A table faces.parquet has every column
    of the manifest. croissant.json and DATACARD.md say what the dataset is. Run the same command again to resume after
    any stop.
    """
    from fertools.core.progress import Progress
    from fertools.transfer.exports.export import export

    with Progress("export", "faces") as report:
        summary = export(open_workspace(folder), out, DatasetExportOptions(**values), report)
    print_result(fields_of(summary) | {"folder": str(summary.folder)}, as_json)
    return 0
