"""`fertools annotate`: the rating page, the prior, a table of labels, and commands of their own below it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Literal

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option

SUBCOMMANDS: dict[str, str] = {
    "agreement": "Say how far raters agree.",
    "publish": "Write what raters say together into the manifest.",
    "import": "Read labels, or what raters said, from files of other tools.",
    "export": "Write the labels for other tools.",
}
"""Commands below `annotate`, each in a module `annotate_NAME` beside this one, with their summaries."""


class _Annotate(click.Command):
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
            with formatter.section("Commands below annotate"):
                formatter.write_dl(list(SUBCOMMANDS.items()))


@click.command("annotate", cls=_Annotate)
@click.argument("labels", required=False, type=click.Path(path_type=Path), metavar="[LABELS.csv]")
@workspace_option
@wait_option
@click.option("--va", is_flag=True, help="Valence and arousal.")
@click.option("--emotion", is_flag=True, help="The expression.")
@click.option("--prior", is_flag=True, help="Fill valence and arousal that nobody gave from the expression's name.")
@click.option("--overwrite", is_flag=True, help="With --prior: forget earlier priors first.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the page is served; others need --token.")
@click.option("--port", type=int, default=8350, show_default=True, help="0 takes any that is free.")
@click.option("--token", default=None, help="What raters have to know to open the page.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.option("--rater", "raters", multiple=True, metavar="NAME", help="Let in only these; may be given several times.")
@click.option("--overlap", type=float, default=1.0, show_default=True, help="Share of the faces that all raters get.")
@click.option(
    "--calibration",
    default="0",
    metavar="N|FILE",
    help="Faces that come first, with feedback: N that have ratings, or those of a table with known ratings.",
)
@click.option("--suggestions", default=None, metavar="prior|FILE", help="Suggest the prior's or a model's points.")
@click.option("--hidden", type=float, default=0.2, show_default=True, help="Share of faces without suggestion.")
@click.option(
    "--warn/--no-warn",
    "warnings",
    default=None,
    help="Say when a value is far from the expression's usual point.  [default: only with --emotion]",
)
@click.option("--hide-agreement", is_flag=True, help="Do not show raters how far they agree.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another order.")
@json_option
def command(
    labels: Path | None,
    folder: Path,
    va: bool,
    emotion: bool,
    prior: bool,
    overwrite: bool,
    as_json: bool,
    raters: tuple[str, ...],
    suggestions: str | None,
    **options: Any,
) -> int:
    """Give faces valence, arousal and emotion: by people, from a table of labels, or from the expression's name.

    --va, --emotion or both open the rating page in the browser. With --prior, or LABELS.csv, no page is opened.

    LABELS.csv (or .parquet) has a header; one column says which faces (face_id, or source and frame_index, or source),
    the others are emotion, valence, arousal, intensity and subject_id. With a column rater, the answers go to the log
    of ratings. A mistake anywhere is reported with its line, and nothing of that file is applied. --prior marks what it
    fills with va_origin = prior.
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
    if labels is None and not prior:
        tasks = tuple(name for name, wanted in (("va", va), ("emotion", emotion)) if wanted)
        return _serve(folder, tasks, raters, suggestions, **options)
    workspace = open_workspace(folder)
    result: dict[str, Any] = {}
    if labels is not None:
        from fertools.annotations.labels import import_labels

        result |= fields_of(import_labels(workspace, labels))
    if prior:
        from fertools.annotations.prior import fill_prior

        result |= fields_of(fill_prior(workspace, overwrite=overwrite))
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
    from fertools.annotations.app.server import Place, serve
    from fertools.annotations.app.service import Settings
    from fertools.annotations.queue import Plan

    workspace = open_workspace(folder)
    count = int(calibration) if calibration.removeprefix("-").isdecimal() else None
    plan = Plan(seed=seed, overlap=overlap, calibration=count or 0, hidden=hidden)
    origin: Path | Literal["prior"] | None = Path(suggestions) if suggestions else None
    if suggestions == "prior":
        origin = "prior"

    def announce(address: str, links: dict[str, str]) -> None:
        click.echo(f"Rate at {address}\nAll is saved as it is done; Ctrl-C closes the page.")
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
    serve(workspace, settings, Place(host, port, token), browser=not no_browser, announce=announce)
    return 0
