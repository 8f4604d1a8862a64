"""`fertools split`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import json_option, open_workspace, wait_option, workspace_option
from fertools.core.errors import CheckFailed, InputError
from fertools.splits.protocol import Balance, GroupBy, SplitOptions

if TYPE_CHECKING:
    from fertools.splits.split_summary import SplitSummary

_FILE = click.Path(path_type=Path)
GROUPS = {
    "Protocol": ("--folds", "--loso", "--holdout", "--validation", "--protocol", "--repeats"),
    "What stays together": ("--group-by", "--near-duplicates"),
    "Balance": ("--balance", "--seed"),
    "A split that exists": ("--workspace", "--overwrite", "--rebalance", "--wait"),
    "Published splits": ("--publish", "--verify", "--from"),
}
"""Headings of `fertools split --help`, and the options below each."""


@click.command("split", cls=GroupedCommand, groups=GROUPS)
@workspace_option
@wait_option
@click.option("--folds", type=int, default=None, help="Number of folds for cross-validation.")
@click.option("--loso", is_flag=True, help="Leave one subject out (LOSO): one fold per subject.")
@click.option("--holdout", type=float, default=None, help="Share of the faces in the test set, such as 0.1.")
@click.option(
    "--validation", type=float, default=None, help="With --holdout: share of the faces in a validation set, too."
)
@click.option(
    "--protocol", default=None, metavar="NAME", help="Published protocol of a dataset, such as ckplus-10fold."
)
@click.option(
    "--repeats",
    type=int,
    default=SplitOptions.repeats,
    show_default=True,
    help="With --folds: number of complete repetitions with other folds.",
)
@click.option(
    "--balance",
    type=click.Choice(get_args(Balance)),
    default=SplitOptions.balance,
    show_default=True,
    help="What is spread evenly: classes; also valence and arousal (va); or nothing, subjects by name in turns.",
)
@click.option("--near-duplicates", is_flag=True, help="Keep copies of one picture together. Reads every picture.")
@click.option(
    "--group-by",
    type=click.Choice(get_args(GroupBy)),
    default=SplitOptions.group_by,
    show_default=True,
    help="What stays in one fold: all faces of a subject, or also all faces of a source.",
)
@click.option(
    "--seed",
    type=int,
    default=SplitOptions.seed,
    show_default=True,
    help="Random seed that breaks ties between equally good splits.",
)
@click.option("--overwrite", is_flag=True, help="Replace the existing split.")
@click.option("--rebalance", is_flag=True, help="Assign all faces again after faces were added.")
@click.option("--publish", "published", type=_FILE, metavar="FILE", help="Write the split into a small file.")
@click.option(
    "--verify", type=_FILE, metavar="FILE", help="Compare the split with a published one; exit 4 if it differs."
)
@click.option("--from", "applied", type=_FILE, metavar="FILE", help="Apply a published split.")
@json_option
def command(
    folder: Path,
    overwrite: bool,
    rebalance: bool,
    published: Path | None,
    verify: Path | None,
    applied: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Split the dataset into subject-independent folds, or into a training and a test set.

    No subject is in two folds. Expressions are spread evenly. A split that leaks or loses a class is refused. Faces
    that were added since the last split join it, and no other face moves.
    """
    from fertools.splits.published import publish_split
    from fertools.splits.split import apply_split, split

    workspace = open_workspace(folder)
    changed = [name for name, value in options.items() if value and value != getattr(SplitOptions, name, None)]
    if verify is not None or applied is not None:
        if changed or rebalance or published or (verify is not None and (applied is not None or overwrite)):
            raise InputError(
                "--verify and --from take the options of the published split; give one of them with nothing else but "
                "--overwrite for --from"
            )
        if verify is not None:
            return _verify(workspace, verify, as_json)
        _print(apply_split(workspace, applied or Path(), overwrite=overwrite), as_json)
        return 0
    if published is None or changed or overwrite or rebalance:
        _print(split(workspace, overwrite=overwrite, rebalance=rebalance, **options), as_json)
    if published is not None:
        click.echo(f"published as {published}, digest {publish_split(workspace, published)}", err=as_json)
    return 0


def _verify(workspace: Any, file: Path, as_json: bool) -> int:
    from fertools.splits.published import verify_split

    check = verify_split(workspace, file)
    if as_json:
        click.echo(json.dumps(asdict(check), indent=2))
    else:
        for difference in check.differences:
            click.echo(difference)
    if check.differences:
        raise CheckFailed(f"the manifest does not have the split {check.digest} of {file}")
    if not as_json:
        click.echo(f"all {check.faces:,} faces are in the parts of the split {check.digest}")
    return 0


def _print(summary: SplitSummary, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    labels = list(dict.fromkeys(label for part in summary.parts for label in part.emotions))
    measured = any(part.va_distance is not None for part in summary.parts)
    table = Table(box=None, pad_edge=False)
    table.add_column(summary.protocol)
    for name in ("faces", "subjects", *labels, *(("valence", "arousal", "VA distance") if measured else ())):
        table.add_column(name, justify="right")
    for part in summary.parts:
        counts = (part.faces, part.subjects, *(part.emotions.get(label, 0) for label in labels))
        values = (part.valence, part.arousal, part.va_distance) if measured else ()
        cells = ["" if value is None else f"{value:.3f}" for value in values]
        table.add_row(part.name, *(f"{count:,}" for count in counts), *cells)
    Console().print(table)
    state = (
        f"{summary.joined:,} faces joined" if summary.joined else "written" if summary.changed else "nothing to change"
    )
    click.echo(
        f"{summary.faces:,} faces of {summary.subjects:,} subjects in {summary.groups:,} groups that stay whole; "
        f"{state}"
    )
    if summary.repeats:
        click.echo(f"imbalance of the repeats: {', '.join(f'{value:.4f}' for value in summary.repeats)}")
    for warning in summary.warnings:
        click.echo(f"note: {warning}", err=True)
