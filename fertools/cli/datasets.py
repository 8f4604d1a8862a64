"""`fertools datasets`: list the known datasets, show one, and write a descriptor for a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from fertools.cli.options import json_option, open_workspace, workspace_option


@click.group("datasets", invoke_without_command=True)
@workspace_option
@json_option
@click.pass_context
def command(context: click.Context, folder: Path, as_json: bool) -> int:
    """List the datasets that `ingest --dataset NAME` reads by their layout.

    `datasets show NAME` prints the expected tree, the terms, and what is not verified. `datasets new FOLDER NAME`
    writes a descriptor for a folder of your own.
    """
    if context.invoked_subcommand is not None:
        return 0
    from fertools.cli.dataset_text import list_text
    from fertools.ingestion.dataset_preview import list_datasets

    found = list_datasets(open_workspace(folder))
    if as_json:
        told = [{"name": one.name, "title": one.title, "may_share": one.terms.may_share} for one in found]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(list_text(found))
    return 0


@command.command("show")
@click.argument("name")
@workspace_option
def show(name: str, folder: Path) -> int:
    """Show the layouts, the terms and the facts of a dataset, and what of them is not verified."""
    from fertools.cli.dataset_text import show_text
    from fertools.sources.datasets.registry import load_descriptor

    click.echo(show_text(load_descriptor(name, open_workspace(folder).root)))
    return 0


@command.command("new")
@click.argument("source", type=click.Path(path_type=Path), metavar="FOLDER")
@click.argument("name")
@workspace_option
@click.option("--files", default=None, help="Template of the paths, such as {subject}/{emotion}/{name}.")
@click.option("--title", default="", help="Full name of the dataset.")
@click.option("--licence", default="unknown", show_default=True, help="Licence or terms.")
@click.option("--may-share", is_flag=True, help="The pictures may be passed on.")
@click.option("--crops", is_flag=True, help="The pictures are face crops.")
@click.option("--modality", default="visible", show_default=True, help="Modality: visible, thermal, nir or animated.")
@click.option("--frames", default="all", show_default=True, help="Frames of a sequence, such as last:3.")
@click.option("--code", "codes", multiple=True, help="Meaning of a word for an emotion, as AN=anger. Repeat it.")
@click.option("--yes", is_flag=True, help="Write the descriptor without asking.")
def new(
    source: Path, name: str, folder: Path, files: str | None, codes: tuple[str, ...], yes: bool, **given: str
) -> int:
    """Write a descriptor for a folder into the workspace, after a preview.

    Without --files, a template is guessed from the folder. On a terminal you can type a better one.
    """
    from fertools.cli.dataset_text import preview_text
    from fertools.core.errors import InputError
    from fertools.core.vocabulary import load_lexicon
    from fertools.ingestion.dataset_preview import preview_reading
    from fertools.ingestion.new_dataset import draft_dataset, save_descriptor
    from fertools.sources.datasets.drafting import Draft, guess_template
    from fertools.sources.datasets.tree import open_tree

    workspace = open_workspace(folder)
    asks = not yes and sys.stdin.isatty()
    tree = open_tree(source, home=workspace.root)
    if files is None:
        files = guess_template(tree, load_lexicon(workspace.root))
        if asks:
            files = click.prompt("Template of the paths", default=files)
    pairs = [code.partition("=") for code in codes]
    if wrong := [code for code, (_, sign, label) in zip(codes, pairs, strict=True) if not sign or not label]:
        raise InputError(f"--code is '{wrong[0]}'; write WORD=LABEL, such as AN=anger")
    draft = Draft(name, files, codes={word: label for word, _, label in pairs}, **given)  # type: ignore[arg-type]
    drafted = draft_dataset(workspace, tree, draft)
    click.echo(preview_text(preview_reading(drafted.reading)))
    if asks and not click.confirm("Write this descriptor?", default=True):
        return 0
    click.echo(f"wrote {save_descriptor(workspace, drafted)}")
    return 0
