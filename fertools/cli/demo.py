"""`fertools demo`."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import click

PORTRAIT = ("skimage", "data", "astronaut.png")
"""A portrait by NASA in the public domain, a file inside scikit-image."""


@click.command("demo")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("fertools-demo"))
@click.option("--people", type=int, default=20, show_default=True, help="Number of people to draw.")
@click.option("--preset", default=None, help="Training preset.  [default: chosen for the device]")
def command(folder: Path, people: int, preset: str | None) -> int:
    """Draw a dataset into DIR and run every step on it, command by command.

    Each command is printed as you would type it in DIR. The people are drawn and do not exist. At the end, the first
    step runs on one real portrait, if scikit-image is installed. Run it again to resume after a stop.
    """
    from fertools.core.progress import describe_duration

    begun_s = time.monotonic()
    folder = folder.absolute()
    # Many people in short clips, at the peak of each expression and large in the picture: a translator learns more from
    # another person than from another frame, and most from what can be told apart.
    _run(folder, "sample", "drawn", "--people", str(people), "--frames", "4", "--stills", "0", "--least-shown", "1")
    _run(folder, "ingest", "drawn/videos", "--template", "tight")
    _run(folder, "annotate", "--va", "--prior")
    _run(folder, "split", "--folds", str(min(10, people)))
    _run(folder, "train", "stargan", *(["--preset", preset] if preset else []))
    _run(folder, "validate")
    _run(folder, "show", "--sheet", "faces.png")
    _show_real_face(folder)
    click.echo(f"\nAll of it took {describe_duration(time.monotonic() - begun_s)}. Look at, in {folder}:")
    reports = sorted((folder / "training").glob("*/*/report.html"))
    for path in (folder / "faces.png", folder / "portrait" / "faces.png", *reports):
        if path.is_file():
            click.echo(f"  {path.relative_to(folder)}")
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
