"""`fertools annotate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import json_option, open_workspace, print_result, workspace_option


@click.command("annotate")
@click.argument("labels", required=False, type=click.Path(path_type=Path), metavar="[LABELS.csv]")
@workspace_option
@click.option("--va", is_flag=True, help="Valence and arousal.")
@click.option("--emotion", is_flag=True, help="The expression.")
@click.option("--prior", is_flag=True, help="Fill valence and arousal that nobody gave from the expression's name.")
@click.option("--overwrite", is_flag=True, help="With --prior: forget earlier priors first.")
@json_option
def command(
    labels: Path | None, folder: Path, va: bool, emotion: bool, prior: bool, overwrite: bool, as_json: bool
) -> int:
    """Give faces valence, arousal and emotion: from a table of labels, or from the expression's name.

    LABELS.csv has a header; one column says which faces (face_id, or source and frame_index, or source), the others
    are emotion, valence, arousal, intensity and subject_id. A mistake anywhere is reported with its line, and nothing
    of that file is applied. --prior marks what it fills with va_origin = prior.
    """
    from fertools.core.errors import InputError

    if labels is None and not prior:
        raise InputError(
            "say where the labels come from: `fertools annotate --va --prior` takes valence and arousal from the "
            "emotion's name, `fertools annotate LABELS.csv` takes them from a table"
        )
    if prior and emotion and not va:
        raise InputError("--prior gives valence and arousal, not emotions; use --va --prior, or a table of labels")
    workspace = open_workspace(folder)
    result: dict[str, Any] = {}
    if labels is not None:
        from fertools.annotations.labels import import_labels

        result |= _words(import_labels(workspace, labels))
    if prior:
        from fertools.annotations.prior import fill_prior

        result |= _words(fill_prior(workspace, overwrite=overwrite))
    print_result(result, as_json)
    return 0


def _words(summary: object) -> dict[str, Any]:
    """Return the fields of a summary under names to be read."""
    return {name.replace("_", " "): value for name, value in vars(summary).items()}
