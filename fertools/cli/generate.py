"""`fertools generate RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fertools.cli.options import json_option, open_workspace, print_result, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.training.jobs.generate import Which


@click.command("generate")
@click.argument("run", metavar="RUN")
@workspace_option
@wait_option
@click.option(
    "--of",
    "which",
    type=click.Choice(["test", "train", "all"]),
    default="test",
    show_default=True,
    help="Faces to translate: of held-out people, of training people, or all.",
)
@click.option(
    "--to",
    "emotions",
    multiple=True,
    metavar="EMOTION",
    help="Target expression. Repeat it for more.  [default: all seven]",
)
@click.option("--limit", type=click.IntRange(0), default=0, help="Translate at most N faces.  [default: all]")
@click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
@json_option
def command(
    run: str, folder: Path, which: Which, emotions: tuple[str, ...], limit: int, device: str, as_json: bool
) -> int:
    """Generate faces with a trained system, as a manifest that names the parent of each face.

    RUN is SYSTEM/RUN, such as stargan/cpu. Faces that exist are not generated again.
    """
    from fertools.core.progress import Progress
    from fertools.training.jobs.generate import generate

    workspace = open_workspace(folder)
    with Progress("generate", "faces") as report:
        result = generate(workspace, run, which=which, emotions=emotions, limit=limit, device=device, report=report)
    described = {
        "manifest": str(result.manifest),
        "images": str(result.folder),
        "translated": result.parents,
        "generated faces": result.faces,
        "of these now": result.new_faces,
    }
    print_result(described, as_json)
    return 0
