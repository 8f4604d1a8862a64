"""Write the inputs in this folder with the programs that users have.

They are committed, so the tests need neither package. In an environment with both:

    pip install datasets webdataset pillow
    python tests/sources/archives/golden/make.py
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import datasets
import webdataset
from PIL import Image

HERE = Path(__file__).parent
NAMES = ["Angry", "Happy", "Neutral"]
PEOPLE = ["p1", "p2", "p1", "p3"]


def _picture(number: int) -> Image.Image:
    return Image.linear_gradient("L").resize((24, 24)).rotate(37 * number).convert("RGB")


def _encoded(number: int, form: str) -> bytes:
    stream = io.BytesIO()
    _picture(number).save(stream, form)
    return stream.getvalue()


def _dataset(first: int) -> datasets.Dataset:
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=NAMES),
            "subject": datasets.Value("string"),
            "votes": datasets.Sequence(datasets.Value("int32")),
        }
    )
    rows = range(first, first + 4)
    columns = {
        "image": [_picture(number) for number in rows],
        "label": [number % 3 for number in rows],
        "subject": PEOPLE,
        "votes": [[6, 3, 1], [1, 8, 1], [2, 2, 6], [5, 5, 0]],
    }
    return datasets.Dataset.from_dict(columns, features=features)


def main() -> None:
    """Write all inputs."""
    saved = HERE / "saved"
    shutil.rmtree(saved, ignore_errors=True)
    both = datasets.DatasetDict({"train": _dataset(0), "test": _dataset(4)})
    both.save_to_disk(saved)
    (HERE / "hub").mkdir(exist_ok=True)
    both["train"].to_parquet(HERE / "hub" / "train-00000-of-00001.parquet")
    with webdataset.TarWriter(str(HERE / "shard-000000.tar")) as writer:
        for number in range(4):
            about = {"subject": PEOPLE[number], "valence": 0.1 * number, "arousal": -0.1 * number}
            sample = {"__key__": f"face/{number:04d}", "png": _encoded(number, "PNG"), "cls": number % 3, "json": about}
            writer.write(sample)


if __name__ == "__main__":
    main()
