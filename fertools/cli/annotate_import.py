"""`fertools annotate import`: labels and ratings from files of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("import")
@click.argument("format_name", metavar="FORMAT")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@workspace_option
@wait_option
@click.option("--source", default=None, help="Video that the files label.  [default: the video of the same name]")
@click.option("--axis", default=None, metavar="valence|arousal", help="Axis of files that do not name it.")
@click.option(
    "--classes", default=None, metavar="A,B,...", help="Expressions in the order of the numbers in the format."
)
@click.option("--rater", default=None, metavar="NAME", help="Rater of files that do not name one.")
@json_option
def command(
    format_name: str,
    paths: tuple[Path, ...],
    folder: Path,
    source: str | None,
    axis: str | None,
    classes: str | None,
    rater: str | None,
    as_json: bool,
) -> int:
    """Read files of FORMAT: csv, parquet, affwild2, afew-va, affectnet, recola, sewa, elan, cvat, label-studio, muse.

    Labels go into the manifest, with the name of the file as their origin. Ratings of single raters go into the log of
    ratings, for agreement and publish. An error is reported with its line, and then nothing is applied.
    """
    from fertools.annotations.exchange import import_annotations

    order = [name.strip() for name in classes.split(",")] if classes is not None else None
    summary = import_annotations(
        open_workspace(folder), format_name, paths, source=source, axis=axis, classes=order, rater=rater
    )
    result: dict[str, Any] = fields_of(summary)
    print_result(result, as_json)
    return 0
