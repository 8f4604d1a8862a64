"""`fertools annotate agreement`: how far raters agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.options import json_option, open_workspace, workspace_option

if TYPE_CHECKING:
    from rich.console import Console

    from fertools.annotations.agreement import Agreement, Estimate
    from fertools.annotations.consistency import RaterConsistency
    from fertools.annotations.disagreement import Disagreement

MEASURES = {
    "ccc": "CCC",
    "pcc": "PCC",
    "icc_2_1": "ICC(2,1)",
    "icc_2_k": "ICC(2,k)",
    "icc_3_k": "ICC(3,k)",
    "alpha": "alpha",
    "same": "share alike",
}
"""How measures are written."""


@click.command("agreement")
@workspace_option
@click.option(
    "--rater", "raters", multiple=True, metavar="NAME", help="Use only this rater. Repeat it for more raters."
)
@click.option(
    "--disagreements",
    type=int,
    default=10,
    show_default=True,
    metavar="N",
    help="Number of items with the largest disagreement to list.",
)
@click.option(
    "--csv", "csv_path", type=click.Path(path_type=Path), metavar="FILE", help="Write all estimates to this file."
)
@click.option("--overwrite", is_flag=True, help="With --csv: replace an existing file.")
@json_option
def command(
    folder: Path, raters: tuple[str, ...], disagreements: int, csv_path: Path | None, overwrite: bool, as_json: bool
) -> int:
    """Measure how far raters agree: CCC, PCC, ICC(2,1), ICC(2,k), ICC(3,k) and Krippendorff's alpha.

    The tables are over all raters, per pair, and per rater with the mean of the others. Each value has a 95 % interval
    over videos. Traces are also compared by their differences between frames. Further tables list the items with the
    largest disagreement, the consistency on the calibration faces, and the effect of suggestions.
    """
    from dataclasses import asdict

    from fertools.annotations.agreement import measure_agreement
    from fertools.core.outputs import write_outputs

    found = measure_agreement(open_workspace(folder), raters=raters, disagreements=disagreements)
    if csv_path is not None:
        write_outputs({csv_path: _as_csv(found.estimates)}, csv_path.parent, overwrite=overwrite)
    if as_json:
        import json

        click.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return 0
    import sys

    from rich.console import Console

    _print(found, Console(width=None if sys.stdout.isatty() else 120, highlight=False))
    return 0


def _as_csv(estimates: list[Estimate]) -> str:
    import csv
    import io
    from dataclasses import asdict

    stream = io.StringIO()
    rows = [asdict(one) for one in estimates]
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _print(found: Agreement, console: Console) -> None:
    from dataclasses import asdict

    for about, videos in found.videos.items():
        own = [one for one in found.estimates if one.about == about]
        count = max(one.items for one in own if one.who == "all")
        title = f"{about.capitalize()}: {count:,} by two raters or more, from {videos:,} video{'s' * (videos != 1)}"
        _print_estimates(
            title, "measure", [(MEASURES[one.measure], one.axis, one) for one in own if one.who == "all"], console
        )
        _print_estimates(
            f"{about.capitalize()}: per pair, and per rater with the mean of the others",
            "raters",
            [(one.who, f"{one.axis} {MEASURES[one.measure]}", one) for one in own if one.who != "all"],
            console,
        )
    _print_rows("Where raters differ most", [_disagreement_row(one) for one in found.disagreements], console)
    _print_rows("The calibration set, answered again", [_again_row(one) for one in found.consistency], console)
    _print_rows("Distance to the suggestion, shown and hidden", [asdict(one) for one in found.anchoring], console)
    for note in found.notes:
        console.print(f"Note: {note}.")


def _print_estimates(title: str, head: str, cells: list[tuple[str, str, Estimate]], console: Console) -> None:
    """Print estimates by row and column."""
    rows: dict[str, dict[str, Any]] = {}
    for row, column, one in cells:
        rows.setdefault(row, {head: row})[column] = _cell(one)
    _print_rows(title, list(rows.values()), console)


def _cell(one: Estimate) -> str:
    if one.value is None:
        return "-"
    return f"{one.value:.3f}" if one.low is None else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _disagreement_row(one: Disagreement) -> dict[str, Any]:
    from dataclasses import astuple

    values = {rater: [value for value in astuple(given) if value is not None] for rater, given in one.ratings.items()}
    ratings = (f"{rater}: {', '.join(map(str, given))}" for rater, given in values.items())
    place = one.source if one.frame_index is None else f"{one.source}, frame {one.frame_index}"
    return {"face or video": one.face_id or "trace", "in": place, "spread": one.spread, "ratings": "; ".join(ratings)}


def _again_row(one: RaterConsistency) -> dict[str, Any]:
    axes = {"valence CCC": one.valence.ccc, "arousal CCC": one.arousal.ccc}
    return {"rater": one.rater, "faces": one.faces, **axes, "same emotion": one.same_emotion}


def _print_rows(title: str, rows: list[dict[str, Any]], console: Console) -> None:
    from rich import box
    from rich.table import Table

    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        cells = [row.get(name, "") for name in names]
        table.add_row(
            *("-" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
        )
    console.print(table)
