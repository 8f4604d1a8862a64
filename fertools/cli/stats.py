"""`fertools stats`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.conditions import condition_options, read_conditions
from fertools.cli.options import json_option, open_workspace, workspace_option

if TYPE_CHECKING:
    from fertools.views.stats import DatasetStats

_SHADES = " .:-=+*#%@"
"""Characters of the plane in the terminal, from no face to most faces."""


@click.command("stats")
@workspace_option
@condition_options
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write charts to this HTML file.",
)
@json_option
def command(folder: Path, page: Path | None, as_json: bool, **conditions: Any) -> int:
    """Show what is in the dataset: people by expression, valence and arousal, quality, sources.

    Only kept faces count. Options select some of them.
    """
    import dataclasses

    from fertools.views.stats import stats
    from fertools.views.stats_page import write_stats_page

    workspace = open_workspace(folder)
    found = stats(workspace, read_conditions(conditions))
    if page is not None:
        write_stats_page(found, page, title=workspace.root.name)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False))
        return 0
    _print(found)
    if page is not None:
        click.echo(f"page: {page}")
    return 0


def _print(found: DatasetStats) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    states = ", ".join(f"{count:,} {name}" for name, count in sorted(found.statuses.items()))
    console.print(f"{found.faces:,} faces of {found.people:,} people in {found.sources:,} sources ({states} in all)\n")
    _table(
        console,
        ("expression", "faces", "people", "sources", "valence", "arousal"),
        [
            (one.label or "no label", one.faces, one.subjects, one.sources, one.valence, one.arousal)
            for one in found.labels
        ],
        "+.2f",
    )
    _table(
        console,
        ("quality", "faces", "5 %", "median", "95 %"),
        [(one.name, one.known, one.p5, one.median, one.p95) for one in found.quality],
    )
    if (spread := found.faces_a_source) is not None:
        console.print(f"faces a source: median {spread.median:,.0f}, 5 % {spread.p5:,.0f}, 95 % {spread.p95:,.0f}")
    if found.reasons:
        console.print("rejected: " + ", ".join(f"{count:,} {name}" for name, count in found.reasons.items()))
    if most := max(map(max, found.plane)):
        console.print("\nvalence (left to right) and arousal (upwards), from -1 to 1; more faces are denser")
        for row in reversed(found.plane):
            console.print("  |" + "".join(_shade(count, most) * 2 for count in row) + "|")


def _shade(count: int, most: int) -> str:
    import math

    return _SHADES[math.ceil(math.log1p(count) / math.log1p(most) * (len(_SHADES) - 1))]


def _table(console: Any, head: tuple[str, ...], rows: list[tuple[Any, ...]], numbers: str = ",.4g") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(
            *(
                "-"
                if cell is None
                else f"{cell:,}"
                if isinstance(cell, int)
                else f"{cell:{numbers}}"
                if isinstance(cell, float)
                else str(cell)
                for cell in row
            )
        )
    if rows:
        console.print(table)
        console.print()
