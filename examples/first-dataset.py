"""From faces to a model: the whole way in twenty lines, on people who do not exist.

Run it anywhere; it needs no download and writes only into the folder that it is given:

    python examples/first-dataset.py my-first-dataset
"""

from __future__ import annotations

import sys
from pathlib import Path

from skimage.data import astronaut

import fertools


def main(home: Path) -> None:
    """Detect a face in a portrait, then draw a dataset, ingest it, split it, train on it and use the model.

    Args:
        home: folder for the drawn videos and the dataset.
    """
    faces = fertools.detect(astronaut())
    crop = fertools.align(astronaut(), faces[0], template="arcface", size_px=112)
    print(f"portrait: {len(faces)} face, score {faces[0].score:.3f}, crop {crop.shape}")

    fertools.draw_dataset(home / "drawn", fertools.SampleOptions(people=4, frames=4, stills=0, least_shown=1))
    ws = fertools.Workspace(home / "dataset")
    summary = fertools.ingest(home / "drawn/videos/lab", workspace=ws)
    df = ws.faces(emotion="anger").to_pandas(landmarks="array")
    print(f"ingested: {summary.faces_kept} faces of {summary.subjects} people, {len(df)} of them angry")

    fertools.split(ws, folds=2)
    train, test = (fertools.FaceDataset(ws, fold=0, side=side, image_size=64) for side in ("train", "test"))
    print(f"split: {len(train)} faces to train on, {len(test)} held out, each {tuple(train[0][0].shape)}")

    run = fertools.train(ws, "classifier", preset="smoke", overrides={"val_share": 0, "patience": 0}, device="cpu")
    print(f"trained: accuracy {run.evaluation.accuracy:.2f}; the report is {run.report.relative_to(home.resolve())}")
    print(run.evaluation.confusion.to_pandas() if run.evaluation.confusion else "")

    model = fertools.load_model(run.path, device="cpu")
    prediction = model.predict([astronaut()])[0]
    print(f"portrait: {prediction.emotion}, p = {max(prediction.probabilities.values()):.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "my-first-dataset"))
