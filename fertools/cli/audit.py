"""`fertools audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fertools.cli.grouping import GroupedCommand
from fertools.cli.options import engine_options, json_option, open_workspace, wait_option, workspace_option

if TYPE_CHECKING:
    from fertools.core.spreading import Engine
    from fertools.splits.audit.run_audit import AuditReport

GROUPS = {
    "Most used options": ("--workspace", "--page", "--fix", "--apply", "--pixels"),
    "A table of another program": ("--split-column", "--columns", "--output"),
    "Many machines": ("--engine", "--ray-address"),
    "Repeated runs": ("--wait",),
}
"""Headings of `fertools audit --help`, and the options below each."""


@click.command("audit", cls=GroupedCommand, groups=GROUPS)
@click.argument("table", required=False, type=click.Path(path_type=Path))
@workspace_option
@wait_option
@click.option("--split-column", default=None, metavar="NAME", help="Column of TABLE with the part of each row.")
@click.option(
    "--columns",
    default="",
    metavar="MEANING=COLUMN,...",
    help="Other names of columns of TABLE, such as path=file,emotion=label.",
)
@click.option("--pixels/--no-pixels", default=True, show_default=True, help="Read every picture, to find copies.")
@engine_options
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Write an HTML page with the pictures of each case side by side.",
)
@click.option("--fix", is_flag=True, help="Propose the fewest moves between parts that end the leaks.")
@click.option("--apply", "make_moves", is_flag=True, help="Make the moves that --fix proposes.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="With --apply and TABLE, CSV file to write with the new parts.",
)
@json_option
def command(
    table: Path | None,
    folder: Path,
    split_column: str | None,
    columns: str,
    pixels: bool,
    engine: Engine,
    ray_address: str | None,
    page: Path | None,
    fix: bool,
    make_moves: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Search a split for leaks, copies, label conflicts and short cuts; exit 4 on a leak.

    Without TABLE, the manifest is audited. TABLE is a CSV or Parquet file of another program, with a row per picture.
    Nothing is changed without --apply.
    """
    from fertools.core.errors import CheckFailed, InputError
    from fertools.core.progress import Progress
    from fertools.splits.audit.split_fix import apply_fix
    from fertools.training.jobs.audit_split import audit
    from fertools.views.audit_page import write_audit_page

    if (make_moves and not fix) or (output is not None and not make_moves):
        raise InputError("--apply needs --fix, and --output needs --apply; give both")
    with Progress("audit", "pictures") as progress:
        report = audit(
            open_workspace(folder),
            table=table,
            split_column=split_column,
            columns=_read_columns(columns),
            pixels=pixels,
            fix=fix,
            engine=engine,
            ray_address=ray_address,
            report=progress,
        )
    if page is not None:
        write_audit_page(report, page, title=f"Audit of {table.name if table is not None else 'the manifest'}")
    if as_json:
        click.echo(json.dumps(_result(report), indent=2, ensure_ascii=False))
    else:
        _print(report)
    leaks = report.leaks
    if make_moves and report.fix is not None:
        moved = apply_fix(report, output)
        leaks = report.fix.remaining
        if not as_json:
            click.echo(f"{moved:,} rows moved")
    if leaks:
        raise CheckFailed("the split leaks, as listed above")
    if not as_json:
        click.echo(f"{len(report.rows):,} rows have no leak")
    return 0


def _print(report: AuditReport) -> None:
    for finding in report.findings:
        example = ", ".join(report.rows.name(row) for row in finding.groups[0][:5]) if len(finding.groups) else ""
        click.echo(f"{finding.severity}: {finding.message}{f', such as {example}' if example else ''}")
    if report.leakage is not None:
        numbers = f"{report.leakage.split:.3f}, in a random split {report.leakage.random:.3f}"
        click.echo(f"similarity across parts {numbers} (by {report.leakage.measure})")
    for reason in report.unchecked:
        click.echo(f"not checked: {reason}")
    if report.fix is not None:
        for move in report.fix.moves:
            click.echo(f"move {report.rows.name(move.row)} from {move.before} to {move.after}")
        for finding in report.fix.remaining:
            click.echo(f"no move ends this leak: {finding.message}")


def _result(report: AuditReport) -> dict[str, Any]:
    name, fix = report.rows.name, report.fix
    return {
        "parts": dict(report.parts),
        "leakage": None if report.leakage is None else vars(report.leakage),
        "unchecked": list(report.unchecked),
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "message": finding.message,
                "rows": [[name(row) for row in group] for group in finding.groups],
            }
            for finding in report.findings
        ],
        "fix": None
        if fix is None
        else {
            "moves": [{"row": name(move.row), "from": move.before, "to": move.after} for move in fix.moves],
            "parts": fix.parts,
            "remaining": [finding.kind for finding in fix.remaining],
        },
    }


def _read_columns(text: str) -> dict[str, str]:
    from fertools.core.arguments import argument
    from fertools.core.errors import InputError

    pairs = [pair.split("=", 1) for pair in text.split(",") if pair]
    if bad := [pair for pair in pairs if len(pair) != 2]:
        raise InputError(f"{argument('columns')} has '{bad[0][0]}'; give MEANING=COLUMN, such as path=file")
    return {meaning.strip(): name for meaning, name in pairs}
