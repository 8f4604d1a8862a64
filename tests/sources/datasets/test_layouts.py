"""Every descriptor reads a miniature tree in each of its layouts, and refuses the trees of other datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.core.vocabulary import load_lexicon
from fertools.sources.datasets.descriptor import Descriptor
from fertools.sources.datasets.reading import DatasetReading, read_dataset
from fertools.sources.datasets.recognition import choose_layout, find_layouts
from fertools.sources.datasets.registry import descriptor_names, load_descriptor
from tests.sources.datasets.trees import TREES, MemoryTree, MiniTree

LEXICON = load_lexicon()
ALSO = {
    # A download of the same system, with the same files; MMI needs labels beside.
    "mmi": {"mahnob-laughter"},
}
"""Other datasets by which a tree may be read, since nothing in its names tells them apart."""


@pytest.fixture(scope="module")
def descriptors() -> dict[str, Descriptor]:
    return {name: load_descriptor(name) for name in descriptor_names()}


def reading_of(name: str, layout: str, mini: MiniTree | None = None) -> DatasetReading:
    tree, descriptor = MemoryTree.of(mini or TREES[name, layout]), load_descriptor(name)
    return read_dataset(tree, descriptor, choose_layout(tree, descriptor), LEXICON)


def test_each_layout_of_each_descriptor_has_a_tree(descriptors: dict[str, Descriptor]) -> None:
    assert {(name, layout.name) for name, one in descriptors.items() for layout in one.layouts} == set(TREES)


@pytest.mark.parametrize(("name", "layout"), TREES, ids=lambda part: part)
def test_a_tree_is_read_by_its_layout(name: str, layout: str) -> None:
    mini, reading = TREES[name, layout], reading_of(name, layout)
    assert reading.layout.name == layout
    files = {file.name.removeprefix("given/"): file for file in reading.files}
    assert len(files) == len(reading.files) == (mini.count or len(mini.read))
    for path, values in mini.read.items():
        labels = files[path].all_labels[0]
        assert {name: getattr(labels, name) for name in values} == dict(values), path


def test_the_trees_of_other_datasets_are_refused(descriptors: dict[str, Descriptor]) -> None:
    for (name, layout), mini in TREES.items():
        tree = MemoryTree.of(mini)
        fitting = {other for other, one in descriptors.items() if find_layouts(tree, one)}
        assert fitting - {name} == ALSO.get(name, set()), (name, layout)


def test_a_wrong_folder_is_told_what_was_expected(descriptors: dict[str, Descriptor]) -> None:
    tree = MemoryTree.of(TREES["jaffe", "published"])
    with pytest.raises(InputError, match=r"not laid out as Extended Cohn-Kanade.*'published'.*_emotion.*none"):
        choose_layout(tree, descriptors["ckplus"])
    with pytest.raises(InputError, match="has no layout 'wholes'; known are aligned, original, folders"):
        choose_layout(tree, descriptors["raf-db"], "wholes")


def test_one_mark_alone_does_not_do(descriptors: dict[str, Descriptor]) -> None:
    pictures = {name: "" for name in TREES["ckplus", "published"].files if name.endswith(".png")}
    assert not find_layouts(MemoryTree.of(MiniTree(pictures, {})), descriptors["ckplus"])


def test_a_folder_may_be_given_from_above_and_from_inside() -> None:
    mini = TREES["ck48", "folders"]
    above = MiniTree({f"data/CK+48/{path}": content for path, content in mini.files.items()}, {})
    assert [file.labels for file in reading_of("ck48", "folders", above).files] == [
        file.labels for file in reading_of("ck48", "folders").files
    ]


def test_what_is_not_verified_is_told(descriptors: dict[str, Descriptor]) -> None:
    assert "the terms" in descriptors["ckplus"].unverified
    assert any("guess" in told for told in descriptors["ustc-nvie"].unverified)
    assert not [told for told in descriptors["london"].unverified if told == "the terms"]


def test_own_descriptors_win(tmp_path: Path) -> None:
    shipped = load_descriptor("jaffe")
    own = tmp_path / "manifests" / "jaffe.toml"
    own.parent.mkdir()
    text = (Path(__file__).parents[3] / "manifests" / "jaffe.toml").read_text(encoding="utf-8")
    own.write_text(text.replace(shipped.title, "Mine"), encoding="utf-8")
    found = load_descriptor("jaffe", tmp_path)
    assert (found.title, found.is_own, shipped.is_own) == ("Mine", True, False)


def test_a_misspelt_name_is_told_its_neighbour() -> None:
    with pytest.raises(InputError, match=r"'ck-plus'; did you mean ckplus\?"):
        load_descriptor("ck-plus")
