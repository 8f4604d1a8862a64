"""`fertools predict SOURCE...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option
from fertools.cli.values import parse_fps, parse_min_face, parse_span, read_by

GROUPS = {
    "Most used options": ("--model", "--workspace", "--out", "--overlay", "--device"),
    "Which frames and faces": ("--every", "--fps", "--range", "--detector", "--min-face", "--max-faces"),
    "Repeated runs": ("--overwrite", "--wait"),
}
"""Headings of `fertools predict --help`, and the options below each."""


@click.command("predict", cls=GroupedCommand, groups=GROUPS)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@workspace_option
@wait_option
@click.option(
    "--model",
    default="public",
    show_default=True,
    help="Model: public, a run such as classifier/cpu, the folder of a run, or a model file.",
)
@click.option(
    "--out",
    type=click.Path(),
    default="predictions",
    show_default=True,
    help="Folder of the table and the overlays.",
)
@click.option(
    "--overlay", is_flag=True, help="Write a copy of each video and picture with the predictions drawn on it."
)
@click.option("--every", type=int, default=1, show_default=True, help="Search every Nth frame of a video.")
@click.option(
    "--fps", default=None, callback=read_by(parse_fps), help="Search about N frames per second, by presentation time."
)
@click.option(
    "--range",
    "span",
    default=None,
    callback=read_by(parse_span),
    help="Search only START-END of each video, in seconds, such as 10-25.5.",
)
@click.option(
    "--detector",
    default="mtcnn",
    show_default=True,
    help="Face detector: mtcnn, yunet, or one of an installed package.",
)
@click.option(
    "--min-face",
    default="20",
    show_default=True,
    callback=read_by(parse_min_face),
    help="Smallest face to detect: pixels, or a share of the short side such as 10%.",
)
@click.option(
    "--max-faces", type=int, default=None, help="Predict at most N faces per frame, largest first.  [default: all]"
)
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@click.option("--overwrite", is_flag=True, help="Discard predictions in the folder that have other settings.")
@json_option
def command(sources: tuple[Path, ...], folder: Path, model: str, as_json: bool, **values: Any) -> int:
    """Predict the expression of every face in videos and pictures.

    SOURCE is a video, a picture or a folder, which is searched to any depth. The table has a row for each face of each
    searched frame: time, box, track, probabilities, and valence and arousal if the model has them. Run the same command
    again to resume after any stop.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.inference.predict import predict

    with Progress("predict", "files") as report:
        summary = predict(sources, model, workspace=open_workspace(folder), report=report, **values)
    result: dict[str, Any] = {
        "table": str(summary.table),
        "csv": str(summary.csv),
        "sources": summary.sources,
        "worked on now": summary.new_sources,
        "frames searched": summary.frames,
        "faces predicted": summary.faces,
        "overlays": len(summary.overlays),
    }
    if as_json:
        result["failures"] = [{"source": name, "reason": reason} for name, reason in summary.failures]
    print_result(result, as_json)
    if failed := len(summary.failures):
        raise ItemsFailed(f"{failed} of {summary.sources} sources failed; see {summary.table.parent / 'sources.csv'}")
    return 0
