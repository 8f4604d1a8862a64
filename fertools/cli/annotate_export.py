"""`fertools annotate export`: the manifest's labels in files of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, print_result, workspace_option


@click.command("export")
@click.argument("format_name", metavar="FORMAT")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="File, or folder of a file per video."
)
@workspace_option
@click.option("--classes", default=None, metavar="A,B,...", help="Expressions in the order of the format's numbers.")
@json_option
def command(format_name: str, out: Path, folder: Path, classes: str | None, as_json: bool) -> int:
    """Write the labels of the manifest as FORMAT, the same formats as `fertools annotate import` reads.

    csv, parquet, affectnet, cvat and label-studio write one file; affwild2, afew-va, recola, sewa, elan and muse write
    a file per video below a folder.
    """
    from fertools.annotations.exchange import export_annotations

    order = [name.strip() for name in classes.split(",")] if classes is not None else None
    written = export_annotations(open_workspace(folder), format_name, out, classes=order)
    print_result({"out": str(out), "files": len(written)}, as_json)
    return 0
