"""`fertools demo`."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fertools.cli.demo_systems import Length

PORTRAIT = ("skimage", "data", "astronaut.png")
"""A portrait by NASA in the public domain, a file inside scikit-image."""


@click.command("demo")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("fertools-demo"))
@click.option(
    "--people", type=int, default=None, help="Number of people to draw for StarGAN.  [default: 20, or 14 with --quick]"
)
@click.option("--quick", is_flag=True, help="Train each system for less than half of the time.")
@click.option("--preset", default=None, help="Preset of every training.  [default: a short one for a CPU]")
def command(folder: Path, people: int | None, quick: bool, preset: str | None) -> int:
    """Draw datasets into DIR and run every step on them, command by command.

    Each command is printed as you would type it in DIR. The people are drawn and do not exist. The demo trains StarGAN,
    ET-CycleGAN, unpaired recognition, HA-GAN and CycleAT, and ends with DIR/index.html, which links all results. The
    first step also runs on one real portrait, if scikit-image is installed. Run it again to resume after a stop.
    """
    from fertools.cli.demo_page import write_page
    from fertools.cli.demo_systems import SYSTEMS, prepare
    from fertools.core.progress import describe_duration

    begun_s = time.monotonic()
    folder = folder.absolute()
    length: Length = "quick" if quick else "full"
    people = people or (14 if quick else 20)
    # Many people in short clips, at the peak of each expression and large in the picture: a translator learns more from
    # another person than from another frame, and most from what can be told apart.
    _run(folder, "sample", "drawn", "--people", str(people), "--frames", "4", "--stills", "0", "--least-shown", "1")
    _run(folder, "ingest", "drawn/videos", "--template", "tight")
    _run(folder, "annotate", "--va", "--prior")
    _run(folder, "split", "--folds", str(min(10, people)))
    _run(folder, "validate")
    _run(folder, "show", "--sheet", "faces.png")
    prepared = {""}
    for system in SYSTEMS:
        click.echo(f"\n{system.title}")
        if system.workspace not in prepared:
            for arguments in prepare(system.workspace, max(4, people // 2)):
                _run(folder, *arguments)
            prepared.add(system.workspace)
        for arguments in system.train(length, preset):
            _run(folder, *arguments)
    _show_real_face(folder)
    took = describe_duration(time.monotonic() - begun_s)
    page = write_page(folder, length, preset, took)
    click.echo(f"\nAll of it took {took}. Open this page, which links everything:\n  {page}")
    return 0


def _show_real_face(folder: Path) -> None:
    path = _portrait()
    if path is None:
        click.echo("\nThe real portrait is left out: scikit-image is not installed (pip install 'fertools[portrait]').")
        return
    pictures = folder / "portrait" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, pictures / path.name)
    click.echo("\nThe same first step on one real face, a NASA portrait of an astronaut (public domain):")
    _run(folder, "ingest", "portrait/pictures", "--workspace", "portrait", "--licence", "public domain (NASA)")
    _run(folder, "show", "--workspace", "portrait", "--sheet", "portrait/faces.png")


def _portrait() -> Path | None:
    package = importlib.util.find_spec(PORTRAIT[0])
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent.joinpath(*PORTRAIT[1:])
    return path if path.is_file() else None


def _run(folder: Path, *arguments: str) -> None:
    """Print a command and run it in `folder`, in this process, so that Ctrl-C and errors are those of the command."""
    import contextlib

    from fertools.cli.main import cli

    click.echo(f"\n$ fertools {shlex.join(arguments)}")
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        _invoke(cli, arguments)


def _invoke(group: click.Group, arguments: Sequence[str]) -> None:
    group.main(list(arguments), prog_name="fertools", standalone_mode=False)
