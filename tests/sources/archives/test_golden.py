"""Datasets that the packages `datasets` and `webdataset` wrote (`golden/make.py`) are read without these packages."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fertools.core.errors import InputError
from fertools.core.vocabulary import load_lexicon
from fertools.sources.archives.opened import open_binary
from fertools.sources.archives.picture_table import PictureTable, is_picture_table
from fertools.sources.discovery import Discovery, SourceFile, discover
from fertools.sources.label_columns import LabelColumns, RowReader

GOLDEN = Path(__file__).parent / "golden"
EMOTIONS = ["anger", "happiness", "neutral"]
PEOPLE = ["p1", "p2", "p1", "p3"]


def _discover(given: Path, columns: str = "") -> Discovery:
    return discover([given], labels=RowReader(LabelColumns.parse(columns), load_lexicon(), "import:"))


def _labels(file: SourceFile) -> tuple[str | None, str | None, str | None]:
    (labels,) = file.labels
    return labels.emotion, labels.subject_id, labels.split


def test_a_saved_dataset_is_read_with_its_classes_people_and_splits() -> None:
    found = _discover(GOLDEN / "saved")
    assert [file.given for file in found.files] == ["saved"] * 8
    assert [file.below.as_posix() for file in found.files[:2]] == [
        f"test/data-00000-of-00001.arrow/0000000{number}" for number in range(2)
    ]
    by_split = {
        split: [_labels(file) for file in found.files if file.below.parts[0] == split] for split in ("train", "test")
    }
    for split, first in (("train", 0), ("test", 4)):
        assert by_split[split] == [(EMOTIONS[(first + number) % 3], PEOPLE[number], split) for number in range(4)]
    assert found.files[0].labels[0].origin == "import:data-00000-of-00001.arrow"
    for file in found.files:
        with open_binary(file.path) as stream:
            assert Image.open(io.BytesIO(stream.read())).size == (24, 24)


def test_reading_a_saved_dataset_does_not_import_the_package_that_wrote_it() -> None:
    # In a process of its own: other tests of this process may have imported the package.
    reading = (
        "import sys\n"
        "from pathlib import Path\n"
        "from fertools.sources.archives.opened import open_binary\n"
        "from fertools.sources.discovery import discover\n"
        "files = discover([Path(sys.argv[1])]).files\n"
        "for file in files:\n"
        "    with open_binary(file.path) as stream:\n"
        "        assert stream.read()\n"
        "print(len(files), 'datasets' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", reading, GOLDEN / "saved"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "False"]


def test_parquet_from_the_hub_has_the_same_pictures_and_labels() -> None:
    saved = _discover(GOLDEN / "saved/train/data-00000-of-00001.arrow")
    hub = _discover(GOLDEN / "hub")
    assert [_labels(file) for file in hub.files] == [_labels(file) for file in saved.files]
    for one, other in zip(saved.files, hub.files, strict=True):
        with open_binary(one.path) as stream:
            content = stream.read()
        with open_binary(other.path) as stream:
            assert stream.read() == content


def test_votes_in_a_list_have_the_order_of_the_classes() -> None:
    files = _discover(GOLDEN / "hub", "votes=votes,classes=Angry:Happy:Neutral").files
    assert files[0].labels[0].votes == (("anger", 6.0), ("happiness", 3.0), ("neutral", 1.0))
    assert [file.labels[0].emotion for file in files] == ["anger", "happiness", "neutral", None]
    assert str(files[3].labels[0].reason).endswith("anger and happiness tie")


def test_a_file_that_datasets_keeps_for_itself_is_no_source(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "saved", tmp_path / "saved")
    folder = tmp_path / "saved/train"
    shutil.copy(folder / "data-00000-of-00001.arrow", folder / "cache-0123456789abcdef.arrow")
    assert len(_discover(tmp_path / "saved").files) == 8


def test_a_row_with_only_a_path_is_refused_because_no_path_in_a_file_is_trusted(tmp_path: Path) -> None:
    pictures = [{"bytes": None, "path": "/etc/passwd"}, {"bytes": b"x", "path": "a/b.PNG"}, None]
    type_ = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": pa.array(pictures, type_)}), path)
    contents = PictureTable(path).contents()
    assert [member.name for member in contents.members] == ["00000001.png"]
    assert [one.why for one in contents.refused] == ["has no picture, only the path '/etc/passwd'", "has no picture"]


def test_other_tables_are_no_pictures(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a.jpg"], "blob": [b"x"]}), tmp_path / "labels.parquet")
    (tmp_path / "broken.arrow").write_bytes(b"\xff\xff\xff\xff cut")
    assert [is_picture_table(path) for path in sorted(tmp_path.iterdir())] == [False, False]
    with pytest.raises(InputError, match="has no column of pictures"):
        PictureTable(tmp_path / "labels.parquet")


def test_a_webdataset_tar_is_read_by_samples() -> None:
    found = _discover(GOLDEN / "shard-000000.tar", "classes=angry:happy:neutral")
    assert [file.below.as_posix() for file in found.files] == [f"face/000{number}.png" for number in range(4)]
    labels = [file.labels[0] for file in found.files]
    assert [one.emotion for one in labels] == ["anger", "happiness", "neutral", "anger"]
    assert [one.subject_id for one in labels] == PEOPLE
    assert [one.valence for one in labels] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert found.passed_over == {"text": 8}


def test_numbers_of_classes_without_names_are_refused_by_what_to_do() -> None:
    with pytest.raises(InputError, match=r"number of a class; name the classes in order by `columns` classes="):
        _discover(GOLDEN / "shard-000000.tar")
    files = _discover(GOLDEN / "shard-000000.tar", "emotion=-").files
    assert [file.labels[0].emotion for file in files] == [None] * 4
