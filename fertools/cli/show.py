"""`fertools show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.conditions import condition_options, read_conditions
from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, workspace_option

if TYPE_CHECKING:
    from fertools.core.workspace import Workspace

Rows = list[dict[str, Any]]
GROUPS = {
    "Pictures": ("--sheet", "--faces", "--face", "--around", "--track"),
    "Which faces": (
        *("--workspace", "--emotion", "--dataset", "--modality", "--subject", "--source", "--split", "--range"),
        "--rejected",
    ),
}


@click.command("show", cls=GroupedCommand, groups=GROUPS)
@workspace_option
@condition_options
@click.option("--rejected", is_flag=True, help="Show rejected faces with their reasons instead of kept ones.")
@click.option("--face", metavar="ID", help="Show this face: its row, or with --sheet its frame.")
@click.option("--track", metavar="ID", help="Show the track of this face: its rows, or with --sheet a film strip.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a contact sheet, the frame of --face or the film strip of --track to this PNG file.",
)
@click.option("--around", is_flag=True, help="With --face: draw only the part of the frame around the face.")
@click.option("--faces", type=int, default=70, show_default=True, help="Maximum number of faces on the sheet.")
@json_option
def command(
    folder: Path,
    rejected: bool,
    face: str | None,
    track: str | None,
    sheet: Path | None,
    around: bool,
    faces: int,
    as_json: bool,
    **conditions: Any,
) -> int:
    """Show faces as a table or as pictures: by label, on a contact sheet, one in its frame, or a track.

    Without further options it prints faces, people and sources per label.
    """
    from fertools.core.arguments import argument
    from fertools.core.errors import InputError

    given = [name for name, value in (("face", face), ("track", track), *conditions.items()) if value]
    if (face or track) and len(given) + rejected > 1:
        other = next((name for name in given if name not in ("face", "track")), "rejected" if rejected else "track")
        raise InputError(f"{argument(given[0])} chooses the faces; leave out {argument(other)}")
    if around and not face:
        raise InputError(f"{argument('around')} needs {argument('face')}")
    workspace = open_workspace(folder)
    if face:
        _show_face(workspace, face, sheet, around, as_json)
    elif track:
        _show_track(workspace, track, sheet, faces, as_json)
    else:
        _show_dataset(workspace, conditions, rejected, sheet, faces, as_json)
    return 0


def _show_dataset(
    workspace: Workspace, values: dict[str, Any], rejected: bool, sheet: Path | None, faces: int, as_json: bool
) -> None:
    from fertools.views import label_counts
    from fertools.views.contact_sheet import ContactSheetOptions, draw_contact_sheet

    conditions = read_conditions(values, status=("rejected" if rejected else "kept",))
    if sheet is not None:
        count = draw_contact_sheet(workspace, sheet, conditions, ContactSheetOptions(faces=faces))
        click.echo(f"{count} faces on {sheet}")
        return
    counts = label_counts.count_labels(workspace, conditions)
    _print([{**vars(count), "label": count.label or "no label"} for count in counts], as_json)


def _show_face(workspace: Workspace, face: str, sheet: Path | None, around: bool, as_json: bool) -> None:
    from fertools.manifests.one_face import read_face
    from fertools.views.face_picture import MARKS, draw_face

    if sheet is not None:
        draw_face(workspace, face, sheet, around=around)
        click.echo(f"face {face} on {sheet}: {MARKS}")
        return
    row = read_face(workspace, face)
    if as_json:
        _print([row], as_json)
        return
    known = [{"column": name, "value": _text(value)} for name, value in row.items() if value is not None]
    _print(known, as_json)


def _show_track(workspace: Workspace, face: str, sheet: Path | None, faces: int, as_json: bool) -> None:
    from fertools.views.contact_sheet import ContactSheetOptions, draw_film_strip
    from fertools.views.track_faces import read_track

    if sheet is not None:
        count = draw_film_strip(workspace, face, sheet, ContactSheetOptions(faces=faces))
        click.echo(f"{count} faces on {sheet}")
        return
    names = ("face_id", "frame_index", "pts_s", "emotion", "valence", "arousal", "status", "reason")
    _print([{name: row[name] for name in names} for row in read_track(workspace, face)], as_json)


def _print(rows: Rows, as_json: bool) -> None:
    import json

    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo("no face meets the conditions")
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        numbers = any(isinstance(row[name], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    Console(markup=False, highlight=False).print(table)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if name == "pts_s" else f"{value:+.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "[" + ", ".join(map(_text, value)) + "]" if isinstance(value, list) else str(value)
