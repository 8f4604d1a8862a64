"""The traps of published datasets: what widely copied scripts get wrong, and what makers' files contradict."""

from __future__ import annotations

import pytest

from fertools.core.errors import InputError
from fertools.sources.datasets.counting import count_dataset, count_reasons
from fertools.sources.datasets.reading import DatasetReading
from tests.sources.datasets.test_layouts import reading_of
from tests.sources.datasets.trees import TREES, MiniTree


def changed(name: str, layout: str, files: dict[str, str]) -> DatasetReading:
    return reading_of(name, layout, MiniTree({**TREES[name, layout].files, **files}, {}))


def faces_of(reading: DatasetReading, ending: str) -> list[str | None]:
    (file,) = (file for file in reading.files if file.name.endswith(ending))
    return [labels.emotion for labels in file.all_labels]


def test_every_face_of_a_picture_of_expw_keeps_its_label() -> None:
    (file,) = (one for one in reading_of("expw", "published").files if one.name.endswith("two.jpg"))
    assert [(one.emotion, one.box) for one in file.faces] == [
        ("happiness", (20.0, 10.0, 60.0, 50.0)),
        ("anger", (120.0, 100.0, 160.0, 150.0)),
    ]
    assert file.labels.emotion is None


def test_people_named_in_paths_become_digests() -> None:
    lfw = reading_of("lfw", "published")
    subjects = [file.labels.subject for file in lfw.files]
    assert subjects[0] == subjects[1] != subjects[2]
    for subject in subjects:
        assert subject is not None
        assert "Ann" not in subject
        assert subject.startswith("s")
    celeba = {file.labels.subject for file in reading_of("celeba", "aligned").files}
    assert len(celeba) == 1
    assert "2880" not in str(celeba)


def test_two_people_of_one_video_are_two_subjects() -> None:
    subjects = {file.labels.subject for file in reading_of("aff-wild2", "va-newer").files}
    assert subjects == {"video1", "video1_left"}


def test_the_same_pictures_of_ravdess_are_read_once() -> None:
    assert reading_of("ravdess", "published").left_out["the same pictures as another file"] == 1


def test_the_file_name_counts_where_the_folder_contradicts_it() -> None:
    (remark,) = reading_of("bu-3dfe", "published").remarks
    assert remark.endswith("the file name counts: F0002/F0001_NE00WH_F2D.bmp")
    assert not reading_of("kdef", "published").remarks


def test_both_sessions_of_kdef_are_one_person_and_its_averaged_names_are_not_read() -> None:
    reading = reading_of("kdef", "published")
    assert {file.labels.subject for file in reading.files} == {"F01", "M01"}
    assert reading.left_out == {"not a picture or video of this layout": 1}


def test_pairs_share_an_identifier_across_modalities_only_at_one_moment() -> None:
    files = {file.name.removeprefix("given/"): file.labels for file in reading_of("oulu-casia", "original").files}
    visible, nir = (files[f"OriginalImg/{camera}/Strong/P001/Anger/004.jpeg"].pair for camera in ("VL", "NI"))
    assert visible == nir is not None
    assert visible != files["OriginalImg/VL/Strong/P001/Anger/003.jpeg"].pair


def test_short_sequences_give_no_frame_twice() -> None:
    frames = {f"cohn-kanade-images/S010/001/S010_001_{number:08}.png": "" for number in (1, 2)}
    label = {"Emotion/S010/001/S010_001_00000002_emotion.txt": "5\n"}
    reading = changed("ckplus", "published", {**frames, **label})
    read = [(file.name[-12:], file.labels.emotion) for file in reading.files if "S010" in file.name]
    assert read == [("00000001.png", "happiness"), ("00000002.png", "happiness")]


def test_an_unlabelled_sequence_of_ck_gives_no_neutral_face() -> None:
    reading = reading_of("ckplus", "published")
    assert not [file for file in reading.files if "S501" in file.name and file.labels.emotion]


def test_contradicting_rows_give_no_label_and_a_reason() -> None:
    files = {"EmoLabel/list_patition_label.txt": "train_00001.jpg 5\ntrain_00001.jpg 6\ntest_0001.jpg 7\n"}
    reading = changed("raf-db", "aligned", files)
    assert faces_of(reading, "train_00001_aligned.jpg") == [None]
    assert count_reasons(reading) == {"2 rows of a label table describe it and contradict one another": 1}


def test_a_label_outside_of_the_lexicon_is_none_with_a_reason() -> None:
    reading = changed("affectnet", "arrays", {"val_set/annotations/0_exp.npy": 10.0})  # type: ignore[dict-item]
    assert count_reasons(reading) == {"the dataset's label '10.0' is no emotion": 1}


def test_a_value_out_of_range_is_refused_with_its_place() -> None:
    files = {"VA_Estimation_Challenge/Train_Set/video1.txt": "valence,arousal\n0.5,7\n0,0\n0,0\n"}
    with pytest.raises(InputError, match=r"cropped_aligned/video1/00001.jpg:1: arousal is 7, outside \[-1, 1\]"):
        changed("aff-wild2", "va-newer", files)


def test_a_damaged_table_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"label/label.lst:2: the row has 3 cells, not 8"):
        changed("expw", "published", {"label/label.lst": "one.jpg 0 5 6 7 8 9 6\ntwo.jpg 1 2\n"})
    with pytest.raises(InputError, match=r"001.json is not JSON"):
        changed("afew-va", "published", {"01/001/001.json": "{"})
    with pytest.raises(InputError, match="defines entities of its own"):
        changed("mmi", "sessions", {"Sessions/1/S051-002.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a/>'})
    with pytest.raises(InputError, match="row 1 has 3 pixels, not 48 x 48"):
        changed("fer2013", "csv", {"icml_face_data.csv": "emotion,pixels,Usage\n0,1 2 3,Training\n"})
    with pytest.raises(InputError, match="row 1 has pixels that are no numbers from 0 to 255"):
        changed("fer2013", "csv", {"icml_face_data.csv": "emotion,pixels,Usage\n0,1 x 3,Training\n"})


def test_counts_stand_beside_those_of_a_complete_copy() -> None:
    rows = {row.what: row for row in count_dataset(reading_of("jaffe", "published"))}
    assert (rows["files"].found, rows["files"].expected, rows["files"].differs) == (3, 213, True)
    assert (rows["anger"].found, rows["anger"].expected, rows["anger"].differs) == (1, None, False)


def test_expected_labels_of_complete_copies_add_up() -> None:
    reading = reading_of("ferg", "published")
    assert sum(reading.layout.expected.emotions.values()) == reading.layout.expected.files == 55_767
    ck48 = reading_of("ck48", "folders").layout.expected
    assert sum(ck48.emotions.values()) == ck48.files == 981
