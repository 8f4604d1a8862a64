"""Plugins: what other packages register is found beside ours, by each registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fertools.annotations.formats.registry import FORMATS, find_format
from fertools.annotations.formats.registry import GROUP as FORMATS_GROUP
from fertools.core.errors import InputError
from fertools.core.plugins import find_plugins, load_plugin
from fertools.training.systems.registry import GROUP as SYSTEMS_GROUP
from fertools.training.systems.registry import find_system, registered_systems

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what puts the metadata of a package with an entry point on the path."""

    def write(package: str, group: str, entry: str) -> None:
        folder = tmp_path / "site" / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
        monkeypatch.syspath_prepend(tmp_path / "site")

    return write


def test_a_label_format_of_another_package_is_found(install: Install) -> None:
    # Something of this shape that is there already stands for the other package's.
    install("others", FORMATS_GROUP, "theirs = tests.core.test_plugins:THEIR_FORMAT")
    assert find_format("theirs") is THEIR_FORMAT
    assert find_format("cvat") is FORMATS["cvat"]
    with pytest.raises(InputError, match=r"no format 'nobody'; formats are csv, .*, theirs"):
        find_format("nobody")


def test_a_system_of_another_package_is_found(install: Install) -> None:
    install("others", SYSTEMS_GROUP, "their-gan = fertools.training.systems.stargan:ENTRY")
    assert find_system("their-gan").title == "StarGAN"
    assert list(registered_systems())[:2] == ["stargan", "cyclegan"]
    assert "their-gan" in registered_systems()


def test_two_packages_of_one_name_are_refused(install: Install) -> None:
    install("one", "fertools.some", "x = json:loads")
    install("two", "fertools.some", "x = json:dumps")
    with pytest.raises(InputError, match=r"two packages register 'x' in fertools\.some: json:"):
        find_plugins("fertools.some", {})


@pytest.mark.parametrize("place", ["no_such_module:x", "json:no_such_name"])
def test_one_that_cannot_be_loaded_names_its_package(install: Install, place: str) -> None:
    install("broken", "fertools.some", f"x = {place}")
    with pytest.raises(InputError, match=r"'x' \(fertools.some\) of the package broken cannot be loaded"):
        load_plugin(find_plugins("fertools.some", {})["x"])


THEIR_FORMAT = FORMATS["csv"]
