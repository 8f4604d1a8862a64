"""`fertools annotate`: the rating page, the prior, a table of labels, and commands of their own below it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Literal

import click

from fertools.annotations.app.address import Address
from fertools.annotations.queue_plan import Plan
from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import (
    fields_of,
    json_option,
    open_workspace,
    page_options,
    print_result,
    wait_option,
    workspace_option,
)

SUBCOMMANDS: dict[str, str] = {
    "agreement": "Measure how far raters agree.",
    "publish": "Write the consensus of the raters to the manifest.",
    "import": "Read labels or ratings from files of other tools.",
    "export": "Write the labels in formats of other tools.",
}
"""Commands below `annotate`, each in a module `annotate_NAME` beside this one, with their summaries."""
GROUPS = {
    "Most used options": ("--workspace", "--va", "--emotion", "--prior", "--model", "--rater"),
    "Who gets which faces": ("--overlap", "--calibration", "--seed"),
    "What raters see": ("--suggestions", "--hidden", "--warn", "--hide-agreement"),
    "Server": ("--host", "--port", "--token", "--no-browser"),
    "Repeated runs": ("--overwrite", "--wait"),
}
"""Headings of `fertools annotate --help`, and the options below each."""


class _Annotate(GroupedCommand):
    """A command that hands over to one below it if the first word is its name; else the word is a table of labels."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in SUBCOMMANDS:
            below = importlib.import_module(f"fertools.cli.annotate_{args[0]}").command
            if not isinstance(below, click.Command):
                raise TypeError(f"fertools.cli.annotate_{args[0]}.command is not a command")
            return below.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if SUBCOMMANDS:
            with formatter.section("Subcommands"):
                formatter.write_dl(list(SUBCOMMANDS.items()))


@click.command("annotate", cls=_Annotate, groups=GROUPS)
@click.argument("labels", required=False, type=click.Path(path_type=Path), metavar="[LABELS.csv]")
@workspace_option
@wait_option
@click.option("--va", is_flag=True, help="Rate valence and arousal.")
@click.option("--emotion", is_flag=True, help="Rate the expression.")
@click.option("--prior", is_flag=True, help="Fill missing valence and arousal from the name of the expression.")
@click.option(
    "--model",
    default=None,
    metavar="MODEL",
    help="With --emotion: fill missing expressions with those that a model predicts, such as public or classifier/cpu.",
)
@click.option(
    "--overwrite", is_flag=True, help="With --prior or --model: replace earlier priors, or labels of a model."
)
@page_options(Address.port)
@click.option(
    "--rater", "raters", multiple=True, metavar="NAME", help="Let in only this rater. Repeat it for more raters."
)
@click.option(
    "--overlap", type=float, default=Plan.overlap, show_default=True, help="Share of the faces that every rater gets."
)
@click.option(
    "--calibration",
    default="0",
    metavar="N|FILE",
    help="Faces that come first, with feedback: N rated faces, or a table of known ratings.  [default: 0]",
)
@click.option(
    "--suggestions",
    default=None,
    metavar="prior|public|FILE",
    help="Show suggestions: the prior, those of a public model, or predictions of a model from a table.",
)
@click.option(
    "--hidden", type=float, default=Plan.hidden, show_default=True, help="Share of the faces that show no suggestion."
)
@click.option(
    "--warn/--no-warn",
    "warnings",
    default=None,
    help="Warn of a value far from the usual point of the expression.  [default: only with --emotion]",
)
@click.option("--hide-agreement", is_flag=True, help="Hide from raters how far they agree.")
@click.option("--seed", type=int, default=Plan.seed, show_default=True, help="Random seed of the order of the faces.")
@json_option
def command(
    labels: Path | None,
    folder: Path,
    va: bool,
    emotion: bool,
    prior: bool,
    model: str | None,
    overwrite: bool,
    as_json: bool,
    raters: tuple[str, ...],
    suggestions: str | None,
    **options: Any,
) -> int:
    """Label faces: by people, from a table, or from the name of the expression.

    --va, --emotion or both open the rating page in the browser. --prior, --model and LABELS.csv open no page.

    LABELS.csv (or .parquet) has a header. Its columns face_id, or source and frame_index, or source select the faces.
    The others are emotion, valence, arousal, intensity and subject_id. With a column rater, the rows go to the log of
    ratings. An error is reported with its line, and then nothing of the file is applied. --prior sets
    va_origin = prior, --model sets emotion_origin = model.
    """
    from fertools.core.errors import InputError

    if labels is None and not prior and not va and not emotion:
        raise InputError(
            "say where the labels come from: `fertools annotate --va` opens the page on which people rate, "
            "`fertools annotate --va --prior` takes valence and arousal from the emotion's name, "
            "`fertools annotate LABELS.csv` takes them from a table"
        )
    if prior and emotion and not va:
        raise InputError("--prior gives valence and arousal, not emotions; use --va --prior, or a table of labels")
    if model is not None and (va or not emotion or prior):
        raise InputError("--model gives expressions alone; use `fertools annotate --emotion --model public`")
    if labels is None and not prior and model is None:
        tasks = tuple(name for name, wanted in (("va", va), ("emotion", emotion)) if wanted)
        return _serve(folder, tasks, raters, suggestions, **options)
    workspace = open_workspace(folder)
    result: dict[str, Any] = {}
    if labels is not None:
        from fertools.annotations.label_import import import_labels

        result |= fields_of(import_labels(workspace, labels))
    if prior:
        from fertools.annotations.prior import fill_prior

        result |= fields_of(fill_prior(workspace, overwrite=overwrite))
    if model is not None:
        from fertools.core.progress import Progress
        from fertools.inference.workspace_predictions import fill_emotion

        with Progress("predict", "faces") as report:
            result |= fields_of(fill_emotion(workspace, model, overwrite=overwrite, report=report))
    print_result(result, as_json)
    return 0


def _serve(
    folder: Path,
    tasks: tuple[str, ...],
    raters: tuple[str, ...],
    suggestions: str | None,
    *,
    host: str,
    port: int,
    token: str | None,
    no_browser: bool,
    overlap: float,
    calibration: str,
    hidden: float,
    seed: int,
    warnings: bool | None,
    hide_agreement: bool,
) -> int:
    from fertools.annotations.app.server import serve
    from fertools.annotations.app.service import Settings

    workspace = open_workspace(folder)
    count = int(calibration) if calibration.removeprefix("-").isdecimal() else None
    plan = Plan(seed=seed, overlap=overlap, calibration=count or 0, hidden=hidden)
    origin: Path | Literal["prior"] | None = Path(suggestions) if suggestions else None
    if suggestions == "prior":
        origin = "prior"
    if suggestions == "public":
        from fertools.core.progress import Progress
        from fertools.inference.workspace_predictions import write_suggestions

        with Progress("predict", "faces") as report:
            origin = write_suggestions(workspace, suggestions, report=report)

    def announce(address: str, links: dict[str, str]) -> None:
        click.echo(f"Rate at {address}\nEvery rating is saved at once; Ctrl-C closes the page.")
        if links:
            click.echo("Each rater has a code, which is in the link of their own:")
        for rater, link in links.items():
            click.echo(f"  {rater}  {link}")

    settings = Settings(
        tasks,
        plan,
        raters,
        origin,
        calibration=Path(calibration) if count is None else None,
        warnings=warnings,
        agreement=not hide_agreement,
    )
    serve(workspace, settings, Address(host, port, token), browser=not no_browser, announce=announce)
    return 0
