"""A dataset by name is read in its archive, with the result of an ingest of the unpacked folder."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

import fertools
from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.ingestion.votes import votes_path
from fertools.manifests import store
from fertools.sources.archives.opened import read_head
from fertools.sources.datasets import archive_tree
from fertools.sources.datasets.archive_tree import ArchiveTree
from fertools.sources.datasets.tree import open_tree
from tests.sources.datasets.trees import TREES, write_tree

SETS = {
    "fer2013": ("ferplus", {"anger": 1, None: 2}),
    "ckplus": ("published", {"disgust": 3, "neutral": 1, None: 3}),
    "ck48": ("folders", {"contempt": 1, "happiness": 1}),
    "raf-db": ("aligned", {"sadness": 1, "neutral": 1}),
}
"""Layouts with labels in a CSV, in a text per sequence, in the names of folders, and in a list of words."""


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def options(name: str) -> IngestOptions:
    return IngestOptions(dataset=name, workers=1, crop_px=32, device="cpu", crops=True)


def as_zip(folder: Path, target: Path, above: str = "") -> Path:
    """Write a zip with the files of a folder below `above`, and hidden files as some programs add them."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, Path(above, path.relative_to(folder)))
        archive.writestr("__MACOSX/._set", b"attributes")
    return target


def as_tgz(folder: Path, target: Path) -> Path:
    """Write a compressed tar with the files of a folder, the last first."""
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.add(path, path.relative_to(folder), recursive=False)
    return target


@pytest.mark.parametrize("name", SETS)
def test_an_archive_gives_the_manifest_of_its_folder(name: str, tmp_path: Path) -> None:
    layout, emotions = SETS[name]
    folder = write_tree(tmp_path / "set", TREES[name, layout])
    (folder / "readme.txt").write_text("no label", encoding="utf-8")
    unpacked = Workspace(tmp_path / "unpacked")
    assert ingest(folder, unpacked, options(name)).emotions == emotions
    for given in (as_zip(folder, tmp_path / "a.zip", "set"), as_tgz(folder, tmp_path / "set.tar.gz")):
        workspace = Workspace(tmp_path / f"from-{given.name}")
        assert fertools.preview_dataset(given, workspace, options(name)) == fertools.preview_dataset(
            folder, unpacked, options(name)
        )
        ingest(given, workspace, options(name))
        assert workspace.manifest.read_bytes() == unpacked.manifest.read_bytes()
        assert votes_path(workspace).is_file() == votes_path(unpacked).is_file() == (name == "fer2013")
        again = ingest(given, workspace, options(name))
        assert (again.new_sources, again.gone) == (0, ())


def test_a_dataset_may_be_below_other_folders_of_an_archive(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "set", TREES["ckplus", "published"])
    archive = as_zip(folder, tmp_path / "all.zip", "data/CK+")
    inside = fertools.preview_dataset(archive / "data" / "CK+", tmp_path / "w", options("ckplus"))
    assert inside == fertools.preview_dataset(folder, tmp_path / "w", options("ckplus"))
    whole = fertools.preview_dataset(archive, tmp_path / "w", options("ckplus"))
    assert whole.counts == inside.counts
    ingest(archive / "data" / "CK+", tmp_path / "w", options("ckplus"))
    paths = store.read_sources(tmp_path / "w", ("path",))["path"].to_pylist()
    assert f"{archive}/data/CK+/cohn-kanade-images/S005/001/S005_001_00000006.png" in paths


def test_members_that_are_refused_are_said_and_the_others_are_read(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "set", TREES["ck48", "folders"])
    archive, notes = as_zip(folder, tmp_path / "set.zip"), Notes()
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("../../happy/S010_004_00000018.png", b"out")
        opened.writestr("/happy/S010_004_00000019.png", b"out")
    preview = fertools.preview_dataset(archive, tmp_path / "w", options("ck48"))
    assert preview.left_out["refused in an archive"] == 2
    assert len(preview.remarks) == 2
    summary = ingest(archive, Workspace(tmp_path / "w"), options("ck48"), notes)
    assert (summary.sources, summary.passed_over["refused in an archive"]) == ({"done": 2}, 2)
    assert [told for told in notes.told if "refused" in told] == [
        f"refused: a member of {archive} has a name that leads out of the archive: ../../happy/S010_004_00000018.png",
        f"refused: a member of {archive} has an absolute name: /happy/S010_004_00000019.png",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.zip", "w"]


def test_a_label_table_that_is_refused_is_missing(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "set", TREES["raf-db", "aligned"])
    (folder / "EmoLabel" / "list_patition_label.txt").unlink()
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        archive.add(folder, "set")
        link = tarfile.TarInfo("set/EmoLabel/list_patition_label.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(InputError, match=r"set\.tar.* is not laid out as .*no file is named as .*list_patition"):
        ingest(tmp_path / "set.tar", tmp_path / "w", options("raf-db"))


def test_label_tables_are_read_in_the_order_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = as_tgz(write_tree(tmp_path / "set", TREES["affectnet", "arrays"]), tmp_path / "set.tgz")
    tree = open_tree(archive)
    assert isinstance(tree, ArchiveTree)
    read: list[Path] = []

    def note(path: Path, size: int) -> bytes:
        read.append(path)
        return read_head(path, size)

    monkeypatch.setattr(archive_tree, "read_head", note)
    assert [name for name, _ in tree.read(tree.names)] == list(tree.names)
    assert read == [tree.path_of(name) for name in reversed(tree.names)]
    monkeypatch.setattr(archive_tree, "_MOST_TABLE_BYTES", 10)
    with pytest.raises(InputError, match=r"set\.tgz has label tables of .* bytes; unpack it"):
        next(tree.read(tree.names))


def test_a_place_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    picture = write_tree(tmp_path / "set", TREES["ck48", "folders"]) / "happy" / "S010_004_00000017.png"
    archive = as_zip(tmp_path / "set", tmp_path / "set.zip")
    for place, words in {
        tmp_path / "lost": "there is no folder or archive .*lost; give the folder of the dataset",
        picture: r"S010_004_00000017\.png is neither a folder nor an archive",
        archive / "sad": r"set\.zip/sad holds no files",
    }.items():
        with pytest.raises(InputError, match=words):
            ingest(place, tmp_path / "w", options("ck48"))
