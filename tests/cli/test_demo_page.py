"""The commands of the demo fit the command line and the recipes, and its page links what is there."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from fertools.cli.demo_page import write_page
from fertools.cli.demo_systems import SYSTEMS, System, prepare
from fertools.cli.main import cli
from tests.cli.conftest import Run

RECIPES = Path(__file__).parents[2] / "training"
WORKSPACES = ("pairs", "characters", "looks")
COMMANDS = [
    *(arguments for workspace in WORKSPACES for arguments in prepare(workspace, 3)),
    *(arguments for system in SYSTEMS for length in ("full", "quick") for arguments in system.train(length, None)),
    *(arguments for system in SYSTEMS for arguments in system.train("full", "smoke")),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_each_command_is_one(fertools: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for option, value in itertools.pairwise(arguments):
        if option == "--landmarks":
            (tmp_path / value).parent.mkdir(parents=True)
            (tmp_path / value).touch()
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None
    context = command.make_context(arguments[0], list(arguments[1:]))
    if arguments[0] == "train":
        recipe = tomllib.loads((RECIPES / f"{arguments[1]}.toml").read_text(encoding="utf-8"))
        assert context.params["preset"] in recipe["presets"]
        keys = [value.split("=")[0] for option, value in itertools.pairwise(arguments) if option == "--set"]
        assert set(keys) <= set(recipe["keys"])


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_short_run_is_another_run(system: System) -> None:
    names = {system.run("full", None), system.run("quick", None), system.run("full", "smoke")}
    assert len(names) == 3
    for length, preset in (("full", None), ("quick", None), ("full", "smoke")):
        *_, arguments = system.train(length, preset)  # type: ignore[arg-type]
        trained = f"{arguments[1]}/{arguments[arguments.index('--run') + 1]}"
        assert trained == system.run(length, preset)  # type: ignore[arg-type]


def test_the_page_links_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    made = {"faces.png", "pairs/faces.png", "looks/manifests/faces.parquet", "portrait/faces.png"}
    for system in SYSTEMS:
        run = f"{system.workspace}/training/{system.run('quick', None)}".lstrip("/")
        grids = ("rebuilt.png",) if system.name == "unpaired" else ("samples/000001.png", "samples/000002.png")
        made |= {f"{run}/{name}" for name in ("report.html", "models/generator.safetensors", *grids)}
    other = "training/stargan/another/report.html"
    for name in (*made, other):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    page = write_page(tmp_path, "quick", None, "3 minutes").read_text(encoding="utf-8")
    assert {unquote(address) for address in re.findall(r'href="([^"]+)"', page)} == made
    shown = {unquote(address) for address in re.findall(r'src="([^"]+)"', page)}
    assert {name for name in made if name.endswith(("000002.png", "rebuilt.png"))} < shown
    assert "3 minutes" in page
