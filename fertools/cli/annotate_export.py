"""`fertools annotate export`: the manifest's labels in files of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, workspace_option


@click.command("export")
@click.argument("format_name", metavar="FORMAT")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="File, or folder of a file per video."
)
@workspace_option
@click.option("--classes", default=None, metavar="A,B,...", help="Expressions in the order of the format's numbers.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(format_name: str, out: Path, folder: Path, classes: str | None, overwrite: bool, as_json: bool) -> int:
    """Write the labels of the manifest as FORMAT, the same formats as `fertools annotate import` reads.

    csv, parquet, affectnet, cvat and label-studio write one file; affwild2, afew-va, recola, sewa, elan and muse write
    a file per video below a folder, named like the video. A file that is there with other content is not replaced,
    unless with --overwrite.
    """
    from fertools.annotations.exchange import export_annotations

    order = [name.strip() for name in classes.split(",")] if classes is not None else None
    summary = export_annotations(open_workspace(folder), format_name, out, classes=order, overwrite=overwrite)
    print_result(fields_of(summary) | {"files": len(summary.files)}, as_json)
    return 0
