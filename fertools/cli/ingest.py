"""`fertools ingest SOURCE...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import (
    describe_summary,
    engine_options,
    json_option,
    open_workspace,
    print_result,
    wait_option,
    workspace_option,
)
from fertools.cli.values import (
    parse_centre,
    parse_columns,
    parse_fps,
    parse_grey_range,
    parse_min_face,
    parse_shard,
    parse_span,
    parse_thresholds,
    read_by,
)

_CUT_OFF = (
    "{cut_off:,} of {detected:,} faces are cut off by the edge of their picture, so the pictures may be face crops; "
    "keep these faces with `fertools filter --quality keep-all`, or ingest again with --overwrite and --template tight"
)
"""Printed when most faces are rejected for this reason: a dataset of face crops would else seem empty."""

GROUPS = {
    "Most used options": (
        "--workspace",
        "--every",
        "--min-face",
        "--quality",
        "--template",
        "--crop-px",
        "--subject-from",
        "--emotion-from",
        "--device",
        "--workers",
    ),
    "Frames of videos": ("--fps", "--range", "--exhaustive"),
    "Detector": ("--detector", "--mode", "--thresholds", "--factor", "--weights", "--batch-size", "--mix-detectors"),
    "Faces and crops": ("--max-faces", "--smoothing", "--crop-format", "--fill", "--grey-range"),
    "Sources that are face crops": ("--crops", "--landmarks", "--centre"),
    "Labels from tables": ("--table", "--columns"),
    "Pictures that are frames of a take": ("--sequence-from",),
    "Published datasets": ("--dataset", "--descriptor", "--frames", "--dry-run"),
    "Values for every row": ("--modality", "--licence"),
    "Many machines": ("--shard", "--engine", "--ray-address", "--stall"),
    "Repeated runs": ("--retry-failed", "--overwrite", "--wait"),
}
"""Headings of `fertools ingest --help`, and the options below each."""


@click.command("ingest", cls=GroupedCommand, groups=GROUPS)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@workspace_option
@wait_option
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
    "--min-face",
    default="20",
    show_default=True,
    callback=read_by(parse_min_face),
    help="Smallest face to detect and keep: pixels, or a share of the short side such as 10%.",
)
@click.option(
    "--detector",
    default="mtcnn",
    show_default=True,
    help="Face detector: mtcnn, yunet, or one of an installed package.",
)
@click.option(
    "--mix-detectors", is_flag=True, help="Allow another detector or engine than the workspace was ingested with."
)
@click.option(
    "--thresholds",
    default=None,
    callback=read_by(parse_thresholds),
    help="Minimum face probability after each stage of the detector.  [default: 0.6,0.7,0.7 for mtcnn, 0.6 for yunet]",
)
@click.option(
    "--factor", type=float, default=None, help="Scale factor between pyramid levels of mtcnn.  [default: 0.709]"
)
@click.option(
    "--max-faces", type=int, default=None, help="Keep at most N faces per frame, largest first.  [default: all]"
)
@click.option(
    "--weights",
    default="auto",
    show_default=True,
    help="Detector weights: auto, the name of a package that carries them, or a path.",
)
@click.option(
    "--mode",
    default=None,
    help="Mode of mtcnn: fast, or exact, which agrees with facenet-pytorch to a fraction of a pixel.  [default: fast]",
)
@click.option(
    "--exhaustive",
    is_flag=True,
    help="Run the full detector on every frame, instead of on about every sixteenth.",
)
@click.option(
    "--smoothing",
    "smoothing_s",
    type=float,
    default=0.2,
    show_default=True,
    help="Smooth landmarks over N seconds to either side, in videos; 0 turns it off.",
)
@click.option(
    "--template",
    "templates",
    multiple=True,
    default=("loose",),
    show_default=True,
    help="Landmark template of the crops. Repeat it for further sets, written to faces/TEMPLATE-PX/.",
)
@click.option("--crop-px", type=int, default=256, show_default=True, help="Side of the crops in pixels.")
@click.option("--crop-format", default="jpeg", show_default=True, help="jpeg (quality 95) or png.")
@click.option(
    "--fill", default="black", show_default=True, help="Fill of crops beyond the picture: black, grey or edge."
)
@click.option(
    "--grey-range",
    default=None,
    callback=read_by(parse_grey_range),
    help="Values of grey pictures and videos of more than 8 bits that become black and white: LOW,HIGH for the whole "
    "dataset, image for those of each picture or frame, or full.  [default: full; thermal sources need a value]",
)
@click.option("--crops", is_flag=True, help="Take the sources as face crops; nothing is detected.")
@click.option(
    "--landmarks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="With --crops: CSV table of five points per path, to align the crops.",
)
@click.option(
    "--centre",
    default=None,
    callback=read_by(parse_centre),
    help="With --crops: centre of the square, as shares X,Y.  [default: 0.5,0.5]",
)
@click.option(
    "--quality", default="standard", show_default=True, help="Which faces to keep: keep-all, standard or strict."
)
@click.option(
    "--subject-from",
    default="auto",
    show_default=True,
    help="Subject: auto (a folder such as p03 or subject-3, else the video), folder, none, "
    "or a regular expression with one group, searched in the path.",
)
@click.option(
    "--emotion-from",
    default="folder",
    show_default=True,
    help="Emotion: folder (a folder named by a word for an emotion), none, or a regular expression.",
)
@click.option(
    "--sequence-from",
    default="none",
    show_default=True,
    help="Which pictures are frames of one take: none, folder (those of one folder), or a regular expression, whose "
    "groups name the take.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Labels of the sources: a CSV or Parquet table with a row per file, or per face with a box.",
)
@click.option(
    "--columns",
    default=None,
    callback=read_by(parse_columns),
    help="Columns of the labels, such as path=file,emotion=expression,box=x1:y1:x2:y2.",
)
@click.option(
    "--dataset",
    default=None,
    help="Name of the dataset. One of `fertools datasets`, such as ckplus, is read by its layout.  [default: name of "
    "the given folder]",
)
@click.option(
    "--descriptor",
    default="auto",
    show_default=True,
    help="Descriptor of the dataset: NAME or NAME:LAYOUT, auto (that of --dataset, if there is one), or none.",
)
@click.option(
    "--frames",
    default=None,
    help="Frames of each sequence or video: all, first:N, last:N, middle:N, apex or every:N.  [default: as the "
    "descriptor says]",
)
@click.option("--dry-run", is_flag=True, help="Show what the descriptor finds, and change nothing.")
@click.option("--modality", default="visible", show_default=True, help="Modality: visible, thermal, nir or animated.")
@click.option("--licence", default=None, help="Licence of the pictures.")
@click.option(
    "--shard",
    default=None,
    callback=read_by(parse_shard),
    help="Ingest shard I/N of the files, for job arrays; join the shards with `merge`.",
)
@engine_options
@click.option("--workers", type=int, default=None, help="Number of worker processes.  [default: one per processor]")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@click.option("--batch-size", type=int, default=8, show_default=True, help="Frames per batch of the detector.")
@click.option(
    "--stall",
    "stall_s",
    type=float,
    default=600.0,
    show_default=True,
    help="Replace a worker that finishes no frame in N seconds.",
)
@click.option("--retry-failed", is_flag=True, help="Try sources again that failed before.")
@click.option("--overwrite", is_flag=True, help="Remove what was ingested here and start again.")
@json_option
def command(
    sources: tuple[Path, ...],
    folder: Path,
    as_json: bool,
    templates: tuple[str, ...],
    dry_run: bool,
    **values: Any,
) -> int:
    """Detect, track and align every face in videos and pictures.

    SOURCE is a video, a picture or a folder, which is searched to any depth. The name of a folder gives the emotion
    (joyful/ is happiness) or the subject (p03/). Otherwise each video is a subject of its own. Run the same command
    again to resume after any stop.
    """
    if dry_run:
        return _show(sources, folder, as_json, values)
    from fertools.core.processes import prepare_workers, processors
    from fertools.ingestion.engines import WORKER_MODULES

    # The workers' imports run beside those of this process.
    workers = values["workers"] or processors()
    if values["engine"] == "local" and workers > 1 and (len(sources) > 1 or sources[0].is_dir()):
        prepare_workers(WORKER_MODULES)

    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.ingestion.ingest import ingest
    from fertools.ingestion.options import IngestOptions

    workspace = open_workspace(folder)
    options = IngestOptions(template=templates[0], more_templates=templates[1:], **values)
    shard = options.own_shard
    with Progress("ingest", "files") as report:
        summary = ingest(sources, workspace, options, report)
    result = describe_summary(shard.place(workspace) if shard else workspace, summary, as_json)
    print_result(result, as_json)
    if (cut_off := summary.faces_rejected.get("cut_off", 0)) > summary.detected / 2:
        click.echo(_CUT_OFF.format(cut_off=cut_off, detected=summary.detected), err=True)
    if failed := len(summary.failures):
        raise ItemsFailed(f"{failed} of {sum(summary.sources.values())} sources failed; see manifests/sources.parquet")
    return 0


def _show(sources: tuple[Path, ...], folder: Path, as_json: bool, values: dict[str, Any]) -> int:
    """Print what an ingest by a descriptor would read."""
    import json

    from fertools.cli.dataset_text import describe_preview, preview_text
    from fertools.ingestion.dataset_preview import preview_dataset
    from fertools.ingestion.options import IngestOptions

    preview = preview_dataset(sources, open_workspace(folder), IngestOptions(**values))
    click.echo(
        json.dumps(describe_preview(preview), indent=2, ensure_ascii=False) if as_json else preview_text(preview)
    )
    return 0
