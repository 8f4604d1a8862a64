"""The page that `fertools demo` ends with: a picture of each system, and links to all that was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fertools.cli.demo_systems import SYSTEMS, Length, System

PAGE = "index.html"
"""Name of the page in the folder of the demo."""
_SHEETS = {
    "": "People in short clips, for StarGAN",
    "pairs": "Visible and thermal faces, for ET-CycleGAN and unpaired recognition",
    "characters": "People and an animated character, for HA-GAN",
    "looks": "A laboratory and the web, for CycleAT",
}
"""What the dataset of each workspace shows."""


def write_page(folder: Path, length: Length, preset: str | None, minutes: str) -> Path:
    """Write `index.html` into the folder of the demo and return its path.

    Its links are relative, so the folder can be moved. Only files that exist are linked.

    Args:
        folder: folder of the demo.
        length: how long the systems were trained.
        preset: preset that the user named.
        minutes: duration of the demo in words.
    """
    from fertools.core.files import write_text
    from fertools.training.reports.html import render_page

    path = folder / PAGE
    write_text(path, render_page("fertools demo", _body(folder, length, preset, minutes)))
    return path


def _body(folder: Path, length: Length, preset: str | None, minutes: str) -> Iterator[str]:
    yield "<h1>What fertools demo made</h1>"
    yield (
        '<p class="lead">Five systems, each trained in minutes on people who were drawn and do not exist. '
        f"The last call of the demo took {minutes}.</p>"
    )
    yield (
        '<p class="warn">The networks are small and their training is short. The pictures show what each system does. '
        "They do not show how good it can be, and nothing here says anything about real people.</p>"
    )
    for system in SYSTEMS:
        yield from _system(folder, system, length, preset)
    yield "<h2>Datasets</h2>"
    for workspace, words in _SHEETS.items():
        yield f"<h3>{words}</h3>"
        yield from _picture(folder, folder / workspace / "faces.png", f"Contact sheet. {words}.")
        yield from _links(folder, _dataset_files(folder / workspace))
    portrait = folder / "portrait" / "faces.png"
    if portrait.is_file():
        yield "<h3>One real portrait, by NASA in the public domain</h3>"
        yield from _picture(folder, portrait, "The face of the portrait, found and aligned.")
        yield from _links(folder, _dataset_files(folder / "portrait"))


def _system(folder: Path, system: System, length: Length, preset: str | None) -> Iterator[str]:
    from fertools.training.reports.html import escape

    run = folder / system.workspace / "training" / system.run(length, preset)
    yield f"<h2>{escape(system.title)}</h2><p>{escape(system.about)}</p>"
    grids = sorted((run / "samples").glob("*.png"))
    for picture in (*grids[-1:], run / "rebuilt.png"):
        yield from _picture(folder, picture, f"{system.title}, held-out people at the end of the training.")
    yield from _links(folder, [run / "report.html", *sorted((run / "models").glob("*")), *grids[:-1]])


def _dataset_files(workspace: Path) -> list[Path]:
    return sorted((workspace / "manifests").glob("*.parquet"))


def _picture(folder: Path, path: Path, caption: str) -> Iterator[str]:
    from fertools.training.reports.html import escape

    if path.is_file():
        address = _address(folder, path)
        yield (
            f'<figure><a href="{address}"><img alt="{escape(caption)}" src="{address}"></a>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )


def _links(folder: Path, paths: list[Path]) -> Iterator[str]:
    from fertools.training.reports.html import escape

    here = [path for path in paths if path.is_file()]
    if here:
        items = (
            f'<li><a href="{_address(folder, p)}">{escape(p.relative_to(folder).as_posix())}</a></li>' for p in here
        )
        yield f"<ul>{''.join(items)}</ul>"


def _address(folder: Path, path: Path) -> str:
    return quote(path.relative_to(folder).as_posix())
