"""`fertools sample DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.options import json_option, print_result


@click.command("sample")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--people", type=int, default=10, show_default=True, help="How many invented people.")
@click.option("--frames", type=int, default=12, show_default=True, help="Frames per video.")
@click.option(
    "--stills", type=int, default=2, show_default=True, help="Moments per video that are drawn as stills too."
)
@click.option("--size-px", type=int, default=256, show_default=True, help="Side of the square pictures in pixels.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other people.")
@click.option(
    "--least-shown",
    type=float,
    default=0.3,
    show_default=True,
    help="Share of its peak that an expression has in the first frame.",
)
@json_option
def command(
    folder: Path, people: int, frames: int, stills: int, size_px: int, seed: int, least_shown: float, as_json: bool
) -> int:
    """Draw an invented dataset of people who do not exist into DIR.

    Each shows the seven expressions as videos and stills, in visible light, as a thermal image of the same moment and
    as a drawn character; truth.csv holds the exact labels and landmarks. It is drawn: no result on it says anything
    about people.
    """
    from fertools.core.progress import Progress
    from fertools.samples.dataset import SampleOptions, draw_dataset

    with Progress("sample", "clips") as report:
        begun = False

        def advance(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                report.start(total)
                begun = True
            report.advance(done)

        options = SampleOptions(people, frames, stills, size_px, seed, least_shown)
        summary = draw_dataset(folder, options, advance=advance)
    print_result({"folder": str(folder), **vars(summary)}, as_json)
    return 0
