"""Systems of other packages are found beside ours, by the entry points that they declare."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from fertools.core.errors import RecipeError
from fertools.training.systems.entry import SystemEntry
from fertools.training.systems.registry import GROUP, find_system, list_systems
from fertools.training.systems.stargan.recipe import StarganRecipe
from fertools.training.systems.stargan.system import Stargan

PLACE = "fertools.training.systems.stargan"
ENTRY = SystemEntry("Another", "Somebody (2026)", f"{PLACE}.recipe:StarganRecipe", f"{PLACE}.system:Stargan")
USURPER = SystemEntry("Usurper", "Nobody", "nowhere:Nothing", "nowhere:Nothing")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let two packages have declared a system: one of a new name, one of a name of ours."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == GROUP == "fertools.systems"
        here = "tests.training.systems.test_registry"
        return [EntryPoint("stargan", f"{here}:USURPER", group), EntryPoint("another", f"{here}:ENTRY", group)]

    monkeypatch.setattr("fertools.training.systems.registry.entry_points", entry_points)
    list_systems.cache_clear()
    yield
    list_systems.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_system_of_another_package_is_found_by_its_entry_point() -> None:
    found = find_system("another")
    assert (found.title, found.source) == (ENTRY.title, ENTRY.source)
    assert found.recipe_class() is StarganRecipe
    assert found.system_class() is Stargan
    assert list(list_systems())[-1] == "another", "ours come first"
    with pytest.raises(RecipeError, match="there is no system 'anothr', did you mean 'another'"):
        find_system("anothr")


@pytest.mark.usefixtures("installed")
def test_no_other_package_takes_a_name_of_ours() -> None:
    assert find_system("stargan").title == "StarGAN"


def test_without_other_packages_there_are_ours_alone() -> None:
    list_systems.cache_clear()
    assert "another" not in list_systems()
    assert {"stargan", "classifier", "svm"} <= set(list_systems())


def test_a_system_without_methods_of_its_own_is_described_by_its_source() -> None:
    record = {"system": "another", "source": ENTRY.source, "recipe": {}, "iterations": 12_000, "sessions": []}
    text = ENTRY.describe("Ours", record)
    assert text.sentences == ("Ours was trained for 12,000 iterations, after: Somebody (2026).",)
    assert text.references == ()
