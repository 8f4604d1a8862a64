"""`fertools identify embedders`: the face recognition networks, and what is known of them."""

from __future__ import annotations

from dataclasses import asdict

import click

from fertools.cli.options import json_option


@click.command("embedders")
@json_option
def command(as_json: bool) -> int:
    """List the face recognition networks, with their crops and licences.

    A network whose weights are not here is listed with what is missing.
    """
    import json

    from fertools.core.arguments import shown
    from fertools.core.errors import FertoolsError
    from fertools.faces.identity.registry import embedder_names, load_embedder

    found: dict[str, dict[str, object]] = {}
    for name in embedder_names():
        try:
            found[name] = {key: value for key, value in asdict(load_embedder(name).card).items() if key != "name"}
        except FertoolsError as error:
            found[name] = {"missing": shown(error.message)}
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    for name, facts in found.items():
        click.echo(name)
        for key, value in facts.items():
            click.echo(f"  {key:<10} {value}")
    return 0
