"""`fertools sample DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, print_result
from fertools.samples.sample_options import SampleOptions

GROUPS = {
    "People": ("--kind", "--people", "--first-person", "--seed", "--thermal-people", "--characters"),
    "Pictures": ("--frames", "--stills", "--pictures", "--size-px", "--least-shown"),
}


@click.command("sample", cls=GroupedCommand, groups=GROUPS)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--people", type=int, default=SampleOptions.people, show_default=True, help="Number of people to draw.")
@click.option("--frames", type=int, default=SampleOptions.frames, show_default=True, help="Frames per video.")
@click.option(
    "--stills",
    type=int,
    default=SampleOptions.stills,
    show_default=True,
    help="Frames per video that are also drawn as stills.",
)
@click.option(
    "--size-px",
    type=int,
    default=SampleOptions.size_px,
    show_default=True,
    help="Side of the square pictures, in pixels.",
)
@click.option(
    "--seed",
    type=int,
    default=SampleOptions.seed,
    show_default=True,
    help="Random seed; another seed draws other people.",
)
@click.option(
    "--least-shown",
    type=float,
    default=SampleOptions.least_shown,
    show_default=True,
    help="Intensity of the expression in the first frame, as a share of its peak.",
)
@click.option(
    "--kind",
    default=SampleOptions.kind,
    show_default=True,
    help="clips: videos and stills; pairs: visible and thermal stills, of people who differ strongly; characters: "
    "videos and stills of such people, and stills of six characters; laboratory: stills of "
    "posed expressions; wild: stills of such people in snapshots.",
)
@click.option(
    "--thermal-people",
    type=int,
    default=None,
    help="With --kind pairs: number of people who have thermal stills.  [default: all]",
)
@click.option(
    "--characters", type=int, default=None, help="With --kind characters: number of characters.  [default: 6]"
)
@click.option(
    "--pictures",
    type=int,
    default=None,
    help="With --kind characters: pictures of each character and expression.  [default: 30]",
)
@click.option(
    "--first-person",
    type=int,
    default=SampleOptions.first_person,
    show_default=True,
    help="Number of the first person, for several datasets of different people.",
)
@json_option
def command(
    folder: Path,
    people: int,
    frames: int,
    stills: int,
    size_px: int,
    seed: int,
    least_shown: float,
    kind: str,
    thermal_people: int | None,
    characters: int | None,
    pictures: int | None,
    first_person: int,
    as_json: bool,
) -> int:
    """Draw a synthetic dataset of people who do not exist into DIR.

    Each person shows the seven expressions in videos and stills. Stills come in three modalities: visible light, a
    thermal image of the same moment, and a drawn character. With --kind pairs, each frame is a visible and a thermal
    still of an occasion of its own, of six expressions. With --kind characters, the frames are the last ones of a clip.
    Each of them is also drawn as played by each character of the cast. In further pictures a character plays nobody.
    truth.csv holds the exact labels and landmarks. No result on drawn people says anything about real people.
    """
    from fertools.core.progress import Progress
    from fertools.samples.dataset import draw_dataset

    with Progress("sample", "clips") as report:
        begun = False

        def advance(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                report.start(total)
                begun = True
            report.advance(done)

        options = SampleOptions(
            people, frames, stills, size_px, seed, least_shown, kind, thermal_people, characters, pictures, first_person
        )
        summary = draw_dataset(folder, options, advance=advance)
    print_result({"folder": str(folder), **vars(summary)}, as_json)
    return 0
