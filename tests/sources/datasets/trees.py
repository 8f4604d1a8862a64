"""Miniature trees of published datasets, in each layout that a descriptor knows, and what must be read from them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

Content = str | bytes | float


@dataclass(frozen=True)
class MiniTree:
    """A tree in memory.

    Attributes:
        files: content by path; a number is the one value of a NumPy array, and an empty text stands for a picture.
        read: for some of the files that must be read, values by the name of a field; the file's path is that below.
        count: number of files that must be read; None for as many as `read` names.
    """

    files: Mapping[str, Content]
    read: Mapping[str, Mapping[str, object]]
    count: int | None = None
    title: str = "given"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.title}/{name}" for name in sorted(self.files))

    def read_bytes(self, name: str) -> bytes:
        content = self.files[name]
        if isinstance(content, float):
            buffer = io.BytesIO()
            np.save(buffer, np.array(str(content)))
            return buffer.getvalue()
        return content.encode() if isinstance(content, str) else content


@dataclass(frozen=True)
class MemoryTree:
    """The files of a `MiniTree` as a descriptor reads them."""

    mini: MiniTree
    title: str = "given"
    names: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, mini: MiniTree) -> MemoryTree:
        return cls(mini, mini.title, mini.names)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((name, self.mini.read_bytes(name.split("/", 1)[1])) for name in names)


def write_tree(folder: Path, mini: MiniTree) -> Path:
    """Write a tree to a folder; each picture has grey values of its own."""
    for number, name in enumerate(sorted(mini.files)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = mini.read_bytes(name)
        if not content:
            values = np.random.default_rng(number).integers(0, 255, (48, 48), dtype=np.uint8)
            Image.fromarray(values).save(
                path, {".tiff": "TIFF", ".jpeg": "JPEG", ".jpg": "JPEG"}.get(path.suffix, "PNG")
            )
        else:
            path.write_bytes(content)
    return folder


def _frames(pattern: str, count: int, first: int = 1) -> dict[str, str]:
    return {pattern.format(number): "" for number in range(first, first + count)}


def _pixels(value: int) -> str:
    return " ".join([str(value)] * 2304)


_XML = '<Metadata><Metatag Name="Emotion" Value="{}" /></Metadata>'

TREES: dict[tuple[str, str], MiniTree] = {
    ("ckplus", "published"): MiniTree(
        {
            **_frames("cohn-kanade-images/S005/001/S005_001_{:08}.png", 6),
            **_frames("cohn-kanade-images/S501/002/S501_002_{:08}.png", 5),
            "Emotion/S005/001/S005_001_00000006_emotion.txt": "   3.0000000e+00\n",
        },
        {
            "cohn-kanade-images/S005/001/S005_001_00000001.png": {"subject": "S005", "emotion": "neutral"},
            "cohn-kanade-images/S005/001/S005_001_00000004.png": {"emotion": "disgust", "sequence": "S005/001"},
            "cohn-kanade-images/S005/001/S005_001_00000006.png": {"emotion": "disgust"},
            "cohn-kanade-images/S501/002/S501_002_00000005.png": {"subject": "S501", "emotion": None},
        },
        count=7,
    ),
    ("ck48", "folders"): MiniTree(
        {"contempt/S138_008_00000007.png": "", "happy/S010_004_00000017.png": ""},
        {
            "contempt/S138_008_00000007.png": {"subject": "S138", "emotion": "contempt"},
            "happy/S010_004_00000017.png": {"subject": "S010", "emotion": "happiness", "sequence": "S010/004"},
        },
    ),
    ("jaffe", "published"): MiniTree(
        {"KA.AN1.39.tiff": "", "KR.NE2.tif": "", "KR.SU1.83.tiff": ""},
        {
            "KA.AN1.39.tiff": {"subject": "KA", "emotion": "anger"},
            "KR.NE2.tif": {"subject": "KR", "emotion": "neutral"},
            "KR.SU1.83.tiff": {"emotion": "surprise"},
        },
    ),
    ("kdef", "published"): MiniTree(
        {"AF01/AF01ANS.JPG": "", "BF01/BF01AFHL.JPG": "", "AM01/AM01NEFR.JPG": "", "AF01/AF01AFAF.JPG": ""},
        {
            "AF01/AF01ANS.JPG": {"subject": "F01", "emotion": "anger", "view": "frontal", "session": "A"},
            "BF01/BF01AFHL.JPG": {"subject": "F01", "emotion": "fear", "view": "half left", "session": "B"},
            "AM01/AM01NEFR.JPG": {"subject": "M01", "emotion": "neutral", "view": "full right"},
        },
    ),
    ("rafd", "published"): MiniTree(
        {
            "Rafd090_28_Caucasian_male_angry_frontal.jpg": "",
            "Rafd045_63_Kid_female_neutral_left.jpg": "",
            "Rafd180_28_Caucasian_male_contemptuous_right.jpg": "",
        },
        {
            "Rafd090_28_Caucasian_male_angry_frontal.jpg": {"subject": "28", "emotion": "anger", "view": "frontal"},
            "Rafd045_63_Kid_female_neutral_left.jpg": {"subject": "63", "view": "-45", "session": "gaze left"},
            "Rafd180_28_Caucasian_male_contemptuous_right.jpg": {"emotion": "contempt", "view": "90"},
        },
    ),
    ("oulu-casia", "original"): MiniTree(
        {
            **_frames("OriginalImg/VL/Strong/P001/Anger/{:03}.jpeg", 5, 0),
            **_frames("OriginalImg/NI/Strong/P001/Anger/{:03}.jpeg", 5, 0),
            **_frames("OriginalImg/VL/Dark/P080/Surprise/{:03}.jpeg", 2, 0),
        },
        {
            "OriginalImg/VL/Strong/P001/Anger/000.jpeg": {"emotion": "neutral", "modality": "visible"},
            "OriginalImg/VL/Strong/P001/Anger/004.jpeg": {"subject": "P001", "emotion": "anger", "session": "Strong"},
            "OriginalImg/NI/Strong/P001/Anger/004.jpeg": {"modality": "nir", "emotion": "anger"},
            "OriginalImg/VL/Dark/P080/Surprise/000.jpeg": {"subject": "P080", "emotion": "surprise"},
        },
        count=10,
    ),
    ("oulu-casia", "preprocessed"): MiniTree(
        {
            **_frames("PreProcess_Img/VL_Acropped/Strong/P001/Anger/{:03}.jpeg", 3, 0),
            **_frames("PreProcess_Img/NI_Acropped/P002/Fear/{:03}.jpeg", 3, 0),
        },
        {
            "PreProcess_Img/VL_Acropped/Strong/P001/Anger/002.jpeg": {"subject": "P001", "session": "Strong"},
            "PreProcess_Img/NI_Acropped/P002/Fear/000.jpeg": {"subject": "P002", "emotion": "fear", "modality": "nir"},
        },
        count=6,
    ),
    ("ferg", "published"): MiniTree(
        {"FERG_DB_256/aia/aia_joy/aia_joy_1.png": "", "FERG_DB_256/ray/ray_anger/ray_anger_12.png": ""},
        {
            "FERG_DB_256/aia/aia_joy/aia_joy_1.png": {"subject": "aia", "emotion": "happiness", "modality": "animated"},
            "FERG_DB_256/ray/ray_anger/ray_anger_12.png": {"subject": "ray", "emotion": "anger"},
        },
    ),
    ("avatars", "folders"): MiniTree(
        {"images/ana/ana_joy/ana_joy_1.png": "", "images/dora/dora_neutral/dora_neutral_2.png": ""},
        {
            "images/ana/ana_joy/ana_joy_1.png": {"subject": "ana", "emotion": "happiness", "modality": "animated"},
            "images/dora/dora_neutral/dora_neutral_2.png": {"subject": "dora", "emotion": "neutral"},
        },
    ),
    ("mmi", "sessions"): MiniTree(
        {
            "Sessions/1/S051-002.avi": "",
            "Sessions/1/S051-002.xml": _XML.format(4),
            "Sessions/1/session.xml": '<session><subject id="9"/><track view="2"/></session>',
            "Sessions/2/S003-001.avi": "",
            "Sessions/2/S003-001.xml": _XML.format(9),
            "Sessions/2/session.xml": '<session><track view="0"/></session>',
            "Sessions/3/S003-004.avi": "",
            "Sessions/3/session.xml": "<session/>",
        },
        {
            "Sessions/1/S051-002.avi": {
                "subject": "051",
                "emotion": "happiness",
                "view": "frontal and profile side by side",
                "session": "1",
            },
            "Sessions/2/S003-001.avi": {"emotion": None, "view": "frontal"},
            "Sessions/3/S003-004.avi": {"emotion": None},
        },
    ),
    ("bu-3dfe", "published"): MiniTree(
        {
            "F0001/F0001_AN02WH_F2D.bmp": "",
            "F0002/F0001_NE00WH_F2D.bmp": "",
            "M0044/M0044_SU04AE_F2D.bmp": "",
            "F0001/F0001_AN02WH_F3D.wrl": "text",
        },
        {
            "F0001/F0001_AN02WH_F2D.bmp": {"subject": "F0001", "emotion": "anger", "intensity": 0.5},
            "F0002/F0001_NE00WH_F2D.bmp": {"subject": "F0001", "emotion": "neutral", "intensity": 0.0},
            "M0044/M0044_SU04AE_F2D.bmp": {"subject": "M0044", "emotion": "surprise", "intensity": 1.0},
        },
    ),
    ("sfew", "aligned"): MiniTree(
        {
            "Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png": "",
            "Val/Val_Aligned_Faces_new/Happy/About_A_Boy_000100_00000001.png": "",
            "Test/Test_Aligned_Faces/Hangover_000200_00000002.png": "",
        },
        {
            "Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png": {
                "emotion": "anger",
                "session": "Airheads",
                "split": "train",
                "subject": None,
            },
            "Val/Val_Aligned_Faces_new/Happy/About_A_Boy_000100_00000001.png": {
                "session": "About_A_Boy",
                "split": "val",
            },
            "Test/Test_Aligned_Faces/Hangover_000200_00000002.png": {"emotion": None, "split": "test"},
        },
    ),
    ("sfew", "frames"): MiniTree(
        {
            "Train/Train/Angry/Airheads_000519240_00000005.png": "",
            "Val/Val/Sad/Hangover_000100_00000001.png": "",
        },
        {
            "Train/Train/Angry/Airheads_000519240_00000005.png": {"emotion": "anger", "split": "train"},
            "Val/Val/Sad/Hangover_000100_00000001.png": {"emotion": "sadness", "split": "val"},
        },
    ),
    ("sfew", "csv"): MiniTree(
        {
            "sfew_2.0_labels.csv": "image_name,label,emotion,original_split\nAirheads_0005_01.png,0,Angry,Train\n",
            "sfew2.0_images/Airheads_0005_01.png": "",
        },
        {"sfew2.0_images/Airheads_0005_01.png": {"emotion": "anger", "session": "Airheads", "split": "train"}},
    ),
    ("affectnet", "lists"): MiniTree(
        {
            "Manually_Annotated_file_lists/training.csv": (
                "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
                "1/0a.jpg,10,20,30,40,1;2,1,0.5,-0.25\n1/0b.jpg,1,2,3,4,1;2,8,-2,-2\n"
            ),
            "Manually_Annotated/Manually_Annotated_Images/1/0a.jpg": "",
            "Manually_Annotated/Manually_Annotated_Images/1/0b.jpg": "",
            "Manually_Annotated/Manually_Annotated_Images/1/0c.jpg": "",
        },
        {
            "Manually_Annotated/Manually_Annotated_Images/1/0a.jpg": {
                "emotion": "happiness",
                "valence": 0.5,
                "arousal": -0.25,
                "box": (10.0, 20.0, 40.0, 60.0),
                "split": "train",
            },
            "Manually_Annotated/Manually_Annotated_Images/1/0b.jpg": {"emotion": None, "valence": None},
        },
    ),
    ("affectnet", "arrays"): MiniTree(
        {
            "train_set/images/0.jpg": "",
            "train_set/annotations/0_exp.npy": 7.0,
            "train_set/annotations/0_val.npy": -0.5,
            "train_set/annotations/0_aro.npy": 0.25,
            "val_set/images/0.jpg": "",
            "val_set/annotations/0_exp.npy": 2.0,
            "val_set/annotations/0_val.npy": -2.0,
            "val_set/annotations/0_aro.npy": -2.0,
        },
        {
            "train_set/images/0.jpg": {"emotion": "contempt", "valence": -0.5, "arousal": 0.25, "split": "train"},
            "val_set/images/0.jpg": {"emotion": "sadness", "valence": None, "split": "val"},
        },
    ),
    ("affectnet", "plus"): MiniTree(
        {
            "human_annotated/train_set/images/0.jpg": "",
            "human_annotated/train_set/annotations/0.json": '{"human-label": 6, "valence": 0.1, "arousal": 0.2}',
        },
        {"human_annotated/train_set/images/0.jpg": {"emotion": "anger", "arousal": 0.2, "split": "train"}},
    ),
    ("raf-db", "aligned"): MiniTree(
        {
            "EmoLabel/list_patition_label.txt": "train_00001.jpg 5\ntest_0001.jpg 7\n",
            "Image/aligned/train_00001_aligned.jpg": "",
            "Image/aligned/test_0001_aligned.jpg": "",
        },
        {
            "Image/aligned/train_00001_aligned.jpg": {"emotion": "sadness", "split": "train", "subject": None},
            "Image/aligned/test_0001_aligned.jpg": {"emotion": "neutral", "split": "test"},
        },
    ),
    ("raf-db", "original"): MiniTree(
        {
            "EmoLabel/list_patition_label.txt": "train_00001.jpg 1\n",
            "Image/original/train_00001.jpg": "",
        },
        {"Image/original/train_00001.jpg": {"emotion": "surprise", "split": "train"}},
    ),
    ("raf-db", "folders"): MiniTree(
        {"DATASET/train/1/train_00007_aligned.jpg": "", "DATASET/test/6/test_0002_aligned.jpg": ""},
        {
            "DATASET/train/1/train_00007_aligned.jpg": {"emotion": "surprise", "split": "train"},
            "DATASET/test/6/test_0002_aligned.jpg": {"emotion": "anger", "split": "test"},
        },
    ),
    ("fer2013", "ferplus"): MiniTree(
        {
            "FER2013Train/label.csv": (
                'fer0000000.png,"(0, 0, 48, 48)",1,0,0,0,9,0,0,0,0,0\n'
                'fer0000001.png,"(0, 0, 48, 48)",5,5,0,0,0,0,0,0,0,0\n'
                'fer0000002.png,"(0, 0, 48, 48)",1,0,0,0,0,0,0,0,9,0\n'
            ),
            **_frames("FER2013Train/fer{:07}.png", 3, 0),
        },
        {
            "FER2013Train/fer0000000.png": {
                "emotion": "anger",
                "split": "train",
                "votes": {"neutral": 1.0, "anger": 9.0},
            },
            "FER2013Train/fer0000001.png": {
                "emotion": None,
                "reason": "the votes are tied between happiness and neutral",
            },
            "FER2013Train/fer0000002.png": {
                "emotion": None,
                "reason": "most votes are for 'unknown', which is no emotion",
            },
        },
    ),
    ("fer2013", "csv-ferplus"): MiniTree(
        {
            "fer2013.csv": f"emotion,pixels,Usage\n0,{_pixels(1)},Training\n3,{_pixels(2)},PrivateTest\n",
            "fer2013new.csv": (
                "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
                "Training,fer0000000.png,8,0,0,0,2,0,0,0,0,0\nPrivateTest,,0,0,0,0,0,0,0,0,0,10\n"
            ),
        },
        {
            "Training/fer0000000.png": {"emotion": "neutral", "split": "train"},
            "PrivateTest/fer0000001.png": {"emotion": None, "split": "test"},
        },
    ),
    ("fer2013", "csv"): MiniTree(
        {"icml_face_data.csv": f"emotion, Usage, pixels\n3, Training, {_pixels(1)}\n6, PublicTest, {_pixels(2)}\n"},
        {
            "Training/fer0000000.png": {"emotion": "happiness", "split": "train"},
            "PublicTest/fer0000001.png": {"emotion": "neutral", "split": "val"},
        },
    ),
    ("fer2013", "folders"): MiniTree(
        {"train/angry/Training_1.jpg": "", "test/happy/PrivateTest_2.jpg": ""},
        {
            "train/angry/Training_1.jpg": {"emotion": "anger", "split": "train"},
            "test/happy/PrivateTest_2.jpg": {"emotion": "happiness", "split": "test"},
        },
    ),
    ("expw", "published"): MiniTree(
        {
            "label/label.lst": (
                "two.jpg 0 10 20 60 50 90.5 3\ntwo.jpg 1 100 120 160 150 80.1 0\none.jpg 0 5 6 7 8 9 6\n"
            ),
            "image/origin/two.jpg": "",
            "image/origin/one.jpg": "",
        },
        {
            "image/origin/two.jpg": {"emotion": "happiness", "box": (20.0, 10.0, 60.0, 50.0)},
            "image/origin/one.jpg": {"emotion": "neutral"},
        },
    ),
    ("afew-va", "published"): MiniTree(
        {
            "01/001/001.json": (
                '{"video_id": "001", "frames": {"00000": {"valence": 5, "arousal": -10, "landmarks": [[1, 2]]}, '
                '"00001": {"valence": 0, "arousal": 3, "landmarks": []}}}'
            ),
            "01/001/00000.png": "",
            "01/001/00001.png": "",
        },
        {
            "01/001/00000.png": {"valence": 0.5, "arousal": -1.0, "sequence": "001"},
            "01/001/00001.png": {"valence": 0.0, "arousal": 0.3},
        },
    ),
    ("aff-wild2", "va-newer"): MiniTree(
        {
            "VA_Estimation_Challenge/Train_Set/video1.txt": "valence,arousal\n0.5,0.25\n-5,-5\n-0.5,0\n0,0\n",
            "VA_Estimation_Challenge/Validation_Set/video1_left.txt": "valence,arousal\n1,-1\n",
            "cropped_aligned/video1/00001.jpg": "",
            "cropped_aligned/video1/00003.jpg": "",
            "cropped_aligned/video1/00002.jpg": "",
            "cropped_aligned/video1_left/00001.jpg": "",
        },
        {
            "cropped_aligned/video1/00001.jpg": {"subject": "video1", "valence": 0.5, "split": "train"},
            "cropped_aligned/video1/00002.jpg": {"valence": None},
            "cropped_aligned/video1/00003.jpg": {"valence": -0.5, "arousal": 0.0},
            "cropped_aligned/video1_left/00001.jpg": {"subject": "video1_left", "arousal": -1.0, "split": "val"},
        },
    ),
    ("aff-wild2", "expr-newer"): MiniTree(
        {
            "EXPR_Classification_Challenge/Train_Set/video1.txt": "Neutral,Anger\n4\n-1\n7\n",
            **_frames("cropped_aligned/video1/{:05}.jpg", 3),
        },
        {
            "cropped_aligned/video1/00001.jpg": {"emotion": "happiness"},
            "cropped_aligned/video1/00002.jpg": {"emotion": None},
            "cropped_aligned/video1/00003.jpg": {"emotion": None},
        },
    ),
    ("aff-wild2", "older"): MiniTree(
        {
            "VA_Set/Training_Set/video1.txt": "valence,arousal\n0.5,0.25\n0.1,0.2\n",
            "EXPR_Set/Training_Set/video1.txt": "Neutral,Anger\n6\n0\n",
            **_frames("cropped_aligned/video1/{:05}.jpg", 2),
        },
        {
            "cropped_aligned/video1/00001.jpg": {"emotion": "surprise", "valence": 0.5},
            "cropped_aligned/video1/00002.jpg": {"emotion": "neutral", "arousal": 0.2},
        },
    ),
    ("crema-d", "votes"): MiniTree(
        {
            "VideoFlash/1001_IEO_ANG_HI.flv": "",
            "VideoFlash/1002_DFA_SAD_XX.flv": "",
            "processedResults/summaryTable.csv": (
                '"","FileName","VoiceVote","FaceVote"\n"1","1001_IEO_ANG_HI","N","D"\n"2","1002_DFA_SAD_XX","S","A:D"\n'
            ),
            "finishedResponses.csv": (
                "clipName,queryType,respEmo\n1001_IEO_ANG_HI,2,D\n1001_IEO_ANG_HI,2,D\n1001_IEO_ANG_HI,2,A\n"
                "1001_IEO_ANG_HI,1,N\n"
            ),
        },
        {
            "VideoFlash/1001_IEO_ANG_HI.flv": {
                "subject": "1001",
                "emotion": "disgust",
                "intensity": 1.0,
                "votes": {"disgust": 2.0, "anger": 1.0},
            },
            "VideoFlash/1002_DFA_SAD_XX.flv": {
                "emotion": None,
                "intensity": None,
                "reason": "the votes are tied between anger and disgust",
            },
        },
    ),
    ("crema-d", "acted"): MiniTree(
        {"1001_IEO_ANG_LO.flv": "", "1002_DFA_SAD_XX.flv": ""},
        {
            "1001_IEO_ANG_LO.flv": {"subject": "1001", "emotion": "anger", "intensity": 0.33, "session": "IEO"},
            "1002_DFA_SAD_XX.flv": {"emotion": "sadness", "intensity": None},
        },
    ),
    ("ravdess", "published"): MiniTree(
        {
            "Actor_01/01-01-03-02-01-02-01.mp4": "",
            "Actor_01/02-01-03-02-01-02-01.mp4": "",
            "Actor_24/02-02-01-01-01-01-24.mp4": "",
        },
        {
            "Actor_01/01-01-03-02-01-02-01.mp4": {
                "subject": "01",
                "emotion": "happiness",
                "intensity": 1.0,
                "session": "speech",
            },
            "Actor_24/02-02-01-01-01-01-24.mp4": {"subject": "24", "emotion": "neutral", "session": "song"},
        },
    ),
    ("yale", "published"): MiniTree(
        {"subject01.happy": "", "subject01.normal": "", "subject02.leftlight": "", "subject01.sad.gif": ""},
        {
            "subject01.happy": {"subject": "subject01", "emotion": "happiness"},
            "subject01.normal": {"emotion": "neutral"},
            "subject01.sad.gif": {"emotion": "sadness"},
            "subject02.leftlight": {"subject": "subject02", "emotion": None},
        },
    ),
    ("att-faces", "published"): MiniTree(
        {"s1/1.pgm": "", "s1/10.pgm": "", "s12/3.pgm": ""},
        {"s1/1.pgm": {"subject": "s1"}, "s1/10.pgm": {}, "s12/3.pgm": {"subject": "s12", "emotion": None}},
    ),
    ("london", "labels"): MiniTree(
        {"neutral/001_03.jpg": "", "smiling/001_08.jpg": "", "neutral/001_03.tem": "text"},
        {
            "neutral/001_03.jpg": {"subject": "001", "emotion": "neutral"},
            "smiling/001_08.jpg": {"subject": "001", "emotion": "happiness"},
        },
    ),
    ("london", "published"): MiniTree(
        {"neutral_front/001_03.jpg": "", "smiling_front/001_08.jpg": "", "smiling_left_profile/001_07.jpg": ""},
        {
            "neutral_front/001_03.jpg": {"emotion": "neutral", "view": "front"},
            "smiling_front/001_08.jpg": {"emotion": "happiness"},
            "smiling_left_profile/001_07.jpg": {"view": "left_profile"},
        },
    ),
    ("wild-faces", "published"): MiniTree(
        {
            "legend.csv": "user.id,image,emotion\n1,Ann_Lee_0001.jpg,ANGER\n2,some-picture_28k.jpg,happiness\n",
            "images/Ann_Lee_0001.jpg": "",
            "images/some-picture_28k.jpg": "",
            "images/Not_Listed_0001.jpg": "",
        },
        {
            "images/Ann_Lee_0001.jpg": {"emotion": "anger"},
            "images/some-picture_28k.jpg": {"emotion": "happiness", "subject": None},
        },
    ),
    ("puj-thermal", "published"): MiniTree(
        {"images/S01_011adsgreg.tiff": "", "images/S02_003adsgreg.tiff": ""},
        {
            "images/S01_011adsgreg.tiff": {"subject": "S01", "modality": "thermal", "emotion": None},
            "images/S02_003adsgreg.tiff": {"subject": "S02"},
        },
    ),
    ("fertools-sample", "stills"): MiniTree(
        {
            "sample.json": "{}",
            "truth.csv": (
                "path,frame_index,modality,subject_id,emotion,intensity,valence,arousal\n"
                "stills/thermal/plain/p01/joy/0011.png,,thermal,p01,happiness,0.5,0.4,0.3\n"
            ),
            "stills/thermal/plain/p01/joy/0011.png": "",
        },
        {
            "stills/thermal/plain/p01/joy/0011.png": {
                "subject": "p01",
                "emotion": "happiness",
                "modality": "thermal",
                "intensity": 0.5,
                "valence": 0.4,
            }
        },
    ),
    ("emotionet", "lists"): MiniTree(
        {"image_list_1.csv": "path,AU1,emotion\nimages/a/b.jpg,1,happy\n", "images/a/b.jpg": ""},
        {"images/a/b.jpg": {"emotion": "happiness", "subject": None}},
    ),
    ("celeba", "aligned"): MiniTree(
        {
            "img_align_celeba/000001.jpg": "",
            "img_align_celeba/000002.jpg": "",
            "list_attr_celeba.txt": "2\nArched_Eyebrows Smiling\n000001.jpg  1 -1\n000002.jpg -1  1\n",
            "identity_CelebA.txt": "000001.jpg 2880\n000002.jpg 2880\n",
            "list_eval_partition.txt": "000001.jpg 0\n000002.jpg 2\n",
        },
        {
            "img_align_celeba/000001.jpg": {"emotion": None, "split": "train"},
            "img_align_celeba/000002.jpg": {"emotion": "happiness", "split": "test"},
        },
    ),
    ("lfw", "published"): MiniTree(
        {"lfw/Ann_Lee/Ann_Lee_0001.jpg": "", "lfw/Ann_Lee/Ann_Lee_0002.jpg": "", "lfw/Bob_Ray/Bob_Ray_0001.jpg": ""},
        {"lfw/Ann_Lee/Ann_Lee_0001.jpg": {"emotion": None}, "lfw/Ann_Lee/Ann_Lee_0002.jpg": {}},
        count=3,
    ),
    ("vggface2", "published"): MiniTree(
        {
            "train/n000002/0001_01.jpg": "",
            "test/n000001/0001_01.jpg": "",
            "meta/identity_meta.csv": 'Class_ID, Name, Sample_Num, Flag, Gender\nn000001, "A, ""B""", 424, 0, m\n',
        },
        {
            "train/n000002/0001_01.jpg": {"subject": "n000002", "split": "train"},
            "test/n000001/0001_01.jpg": {"subject": "n000001", "split": "test"},
        },
    ),
    ("tufts", "published"): MiniTree(
        {
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_1.jpg": "",
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_2.jpg": "",
            "TD_IR_E/TD_IR_E_Set1/1/TD_IR_E_2.jpg": "",
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_5.jpg": "",
        },
        {
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_1.jpg": {"emotion": "neutral"},
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_2.jpg": {"emotion": "happiness", "modality": "visible"},
            "TD_IR_E/TD_IR_E_Set1/1/TD_IR_E_2.jpg": {"modality": "thermal", "subject": "1"},
            "TD_RGB_E/TD_RGB_E_Set1/1/TD_RGB_E_5.jpg": {"emotion": None},
        },
    ),
    ("bp4d-plus", "unpacked"): MiniTree(
        {**_frames("2D+3D/F001/T1/{:04}.jpg", 30), "AUCoding/AU_OCC/F001_T1.csv": "0\n", "2D+3D/M002/T8/0001.jpg": ""},
        {
            "2D+3D/F001/T1/0001.jpg": {"subject": "F001", "emotion": "happiness", "session": "T1"},
            "2D+3D/F001/T1/0026.jpg": {},
            "2D+3D/M002/T8/0001.jpg": {"subject": "M002", "emotion": None},
        },
    ),
    ("ustc-nvie", "guess"): MiniTree(
        {"visible/P001/happiness/0001.jpg": "", "thermal/P001/happiness/0001.jpg": ""},
        {
            "visible/P001/happiness/0001.jpg": {"subject": "P001", "emotion": "happiness"},
            "thermal/P001/happiness/0001.jpg": {"modality": "thermal"},
        },
    ),
    ("mahnob-laughter", "sessions"): MiniTree(
        {"Sessions/7/S001-001.avi": "", "Sessions/7/session.xml": '<session><subject id="4"/></session>'},
        {"Sessions/7/S001-001.avi": {"subject": "4", "session": "7", "emotion": None}},
    ),
    ("tfeid", "guess"): MiniTree(
        {"anger/f01_1.jpg": "", "contempt/m02_3.jpg": ""},
        {
            "anger/f01_1.jpg": {"subject": "f01", "emotion": "anger"},
            "contempt/m02_3.jpg": {"subject": "m02", "emotion": "contempt"},
        },
    ),
}
"""A tree for each layout of each descriptor."""
