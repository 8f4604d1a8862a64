"""`fertools ingest SOURCE...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import (
    describe_summary,
    json_option,
    open_workspace,
    print_result,
    wait_option,
    workspace_option,
)


@click.command("ingest")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE...")
@workspace_option
@wait_option
@click.option("--every", type=int, default=1, show_default=True, help="Search every n-th frame of a video.")
@click.option("--fps", default=None, help="Search about so many frames per second, by the video's own times.")
@click.option("--range", "span", default=None, help="Search only START-END of each video, in seconds: 10-25.5.")
@click.option(
    "--min-face",
    default="20",
    show_default=True,
    help="Smallest face to look for and keep: pixels, or a share such as 10%.",
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
    help="Least face probability after each stage of the detector.  [default: 0.6,0.7,0.7 for mtcnn, 0.6 for yunet]",
)
@click.option(
    "--factor", type=float, default=None, help="Scale factor between the pyramid levels of mtcnn.  [default: 0.709]"
)
@click.option(
    "--max-faces", type=int, default=None, help="Keep the so many largest faces of each frame.  [default: all]"
)
@click.option(
    "--weights",
    default="auto",
    show_default=True,
    help="Weights of the detector: auto, the name of a package that carries them, or a path.",
)
@click.option(
    "--mode",
    default=None,
    help="Mode of mtcnn: fast, or exact, which equals facenet-pytorch to a fraction of a pixel.  [default: fast]",
)
@click.option(
    "--exhaustive",
    is_flag=True,
    help="Search every frame of a video in full, not about every sixteenth and near known faces in between.",
)
@click.option(
    "--smoothing",
    "smoothing_s",
    type=float,
    default=0.2,
    show_default=True,
    help="In videos: landmarks are smoothed over so many seconds to either side; 0 is not at all.",
)
@click.option(
    "--template",
    "templates",
    multiple=True,
    default=("loose",),
    show_default=True,
    help="Landmark template of the crops; give it again for further ones, written to faces/TEMPLATE-PX/.",
)
@click.option("--crop-px", type=int, default=256, show_default=True, help="Side of the crops in pixels.")
@click.option("--crop-format", default="jpeg", show_default=True, help="jpeg (quality 95) or png.")
@click.option(
    "--fill", default="black", show_default=True, help="What crops show beyond the picture: black, grey or edge."
)
@click.option("--crops", is_flag=True, help="The sources are face crops already (thermal, drawn): nothing is searched.")
@click.option(
    "--landmarks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="With --crops: CSV table of five points per path; those crops are aligned.",
)
@click.option("--centre", default=None, help="With --crops: middle of the square, as shares X,Y.  [default: 0.5,0.5]")
@click.option("--quality", default="standard", show_default=True, help="Faces to keep: keep-all, standard or strict.")
@click.option(
    "--subject-from",
    default="auto",
    show_default=True,
    help="Who is shown: auto (a folder such as p03 or subject-3, else each video by itself), folder, none, "
    "or a regular expression with one group, searched in the path.",
)
@click.option(
    "--emotion-from",
    default="folder",
    show_default=True,
    help="What is expressed: folder (a folder named by a word for an emotion), none, or a regular expression.",
)
@click.option("--dataset", default=None, help="Name written to every row.  [default: the given folder's]")
@click.option("--modality", default="visible", show_default=True, help="visible, thermal, nir or animated.")
@click.option("--licence", default=None, help="Terms of the pictures, written to every row.")
@click.option("--shard", default=None, help="One share of the files, I/N, for job arrays; join them by `merge`.")
@click.option("--engine", default="local", show_default=True, help="Where work is done: local or ray (a cluster).")
@click.option(
    "--ray-address", default=None, help="Of the Ray cluster: auto, HOST:PORT.  [default: one on this machine]"
)
@click.option("--workers", type=int, default=None, help="Processes.  [default: one per processor]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--batch-size", type=int, default=8, show_default=True, help="Frames per call of the detector.")
@click.option(
    "--stall",
    "stall_s",
    type=float,
    default=600.0,
    show_default=True,
    help="Seconds without a frame after which a worker counts as hung.",
)
@click.option("--retry-failed", is_flag=True, help="Work on sources that failed before again.")
@click.option("--overwrite", is_flag=True, help="Forget what was ingested here and begin anew.")
@json_option
def command(sources: tuple[Path, ...], folder: Path, as_json: bool, templates: tuple[str, ...], **values: Any) -> int:
    """Find, align and write down every face of videos and pictures.

    Folders are searched to any depth. A folder's name gives the emotion (joyful/ is happiness); a video is a subject
    of its own unless a folder or a pattern says who it shows. Run the same command again to go on after any stop.
    """
    from fertools.core.errors import ItemsFailed
    from fertools.core.progress import Progress
    from fertools.ingestion.ingest import ingest
    from fertools.ingestion.options import IngestOptions
    from fertools.ingestion.shards import Shard

    workspace = open_workspace(folder)
    options = IngestOptions(template=templates[0], more_templates=templates[1:], **values)
    shard = Shard.parse(options.shard) if options.shard else None
    with Progress("ingest", "files") as report:
        summary = ingest(workspace, sources, options, report)
    result = describe_summary(shard.place(workspace) if shard else workspace, summary, as_json)
    print_result(result, as_json)
    if failed := len(summary.failures):
        raise ItemsFailed(f"{failed} of {sum(summary.sources.values())} sources failed; see manifests/sources.parquet")
    return 0
