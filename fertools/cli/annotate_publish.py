"""`fertools annotate publish`: what people said, as one value per face in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fertools.cli.options import fields_of, json_option, open_workspace, print_result, wait_option, workspace_option


@click.command("publish")
@workspace_option
@wait_option
@click.option(
    "--method",
    type=click.Choice(["mean", "median", "ewe"]),
    default="mean",
    show_default=True,
    help="How to combine raters; ewe weighs each by the agreement with the others.",
)
@click.option(
    "--lag", "lag_s", type=float, default=0.0, show_default=True, help="Reaction time of raters in traces, in seconds."
)
@click.option(
    "--rater", "raters", multiple=True, metavar="NAME", help="Use only this rater. Repeat it for more raters."
)
@click.option("--overwrite", is_flag=True, help="Also replace labels that came with the dataset or a table.")
@json_option
def command(folder: Path, method: Any, lag_s: float, raters: tuple[str, ...], overwrite: bool, as_json: bool) -> int:
    """Write the consensus of the raters to the manifest: valence and arousal with their spread, and the expression.

    All current ratings go to annotations/ratings.parquet. The expression is the one that most raters named; a tie gives
    none. Without --overwrite, labels of the dataset or of a table stay. Run it again when there are new ratings.
    """
    from fertools.annotations.publish import publish

    summary = publish(open_workspace(folder), method=method, lag_s=lag_s, raters=raters, overwrite=overwrite)
    result: dict[str, Any] = fields_of(summary)
    if not as_json:
        result["raters"] = ", ".join(summary.raters)
        result["weights"] = "; ".join(
            f"{axis}: {', '.join(f'{rater} {weight:.2f}' for rater, weight in weights.items())}"
            for axis, weights in summary.weights.items()
        )
        result = {name: value for name, value in result.items() if value not in (0, "") or name in ("lag s", "changed")}
    print_result(result, as_json)
    if not as_json and summary.kept_va + summary.kept_emotions:
        click.echo("Labels that came with the dataset or a table stayed; --overwrite replaces them.", err=True)
    return 0
