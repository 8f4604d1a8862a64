"""`fertools annotate export`: the manifest's labels in files of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, workspace_option


@click.command("export")
@click.argument("format_name", metavar="FORMAT")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write, or folder for one file per video.",
)
@workspace_option
@click.option(
    "--classes", default=None, metavar="A,B,...", help="Expressions in the order of the numbers in the format."
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@json_option
def command(format_name: str, out: Path, folder: Path, classes: str | None, overwrite: bool, as_json: bool) -> int:
    """Write the labels of the manifest in FORMAT, one of those that `fertools annotate import` reads.

    csv, parquet, affectnet, cvat and label-studio write one file. affwild2, afew-va, recola, sewa, elan and muse write
    one file per video into a folder. Without --overwrite, a file with other content is not replaced.
    """
    from fertools.annotations.exchange import export_annotations

    order = [name.strip() for name in classes.split(",")] if classes is not None else None
    summary = export_annotations(open_workspace(folder), format_name, out, classes=order, overwrite=overwrite)
    print_result(fields_of(summary) | {"files": len(summary.files)}, as_json)
    return 0
