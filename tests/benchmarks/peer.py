"""What a person writes who ingests a video with facenet-pytorch: decode, detect, follow, align, encode, write.

    .venv/bin/python tests/benchmarks/peer.py VIDEO FOLDER

One frame is decoded and detected at a time, with all processors. A face belongs to the track whose last box it overlaps
most. Crops are those of `fertools ingest` (256 px, by the same template, JPEG of quality 95), by one call of OpenCV.
A line of JSON tells the frames, the seconds of the loop, and the largest memory; `faces.npz` holds what was found.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Run as a script, only this folder is on the path; the oracle lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.faces.alignment import similarity
from fertools.faces.detection.mtcnn import boxes as boxwork
from fertools.faces.tracking import overlaps
from tests.faces.detection.mtcnn import oracle

SIDE_PX = 256


def quick_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return what `oracle.nms` does, about as fast as torchvision's own, which cannot be had beside this torch."""
    return torch.from_numpy(boxwork.suppress(boxes.numpy(), scores.numpy(), threshold))


def main() -> None:
    """Do it, and say how long it took."""
    video, folder = Path(sys.argv[1]), Path(sys.argv[2])
    oracle.nms = quick_nms
    detector = oracle.facenet_mtcnn()
    capture = cv2.VideoCapture(str(video))
    before: list[tuple[int, NDArray[np.float32]]] = []
    tracks = index = 0
    rows: list[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]] = []
    begun_s = time.perf_counter()
    while (read := capture.read())[0]:
        rgb = np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), np.uint8)
        boxes, _, points = oracle.facenet_detect(detector, rgb)
        now = []
        for place, (box, five) in enumerate(zip(boxes, points, strict=True)):
            near = overlaps(box[None], np.array([other for _, other in before], np.float32).reshape(-1, 4))[0]
            track = before[int(near.argmax())][0] if len(near) and near.max() >= 0.3 else tracks
            tracks = max(tracks, track + 1)
            matrix = similarity(five, "loose", SIDE_PX)
            crop = cv2.warpAffine(read[1], matrix, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
            cv2.imwrite(str(folder / f"{index:06d}-{place}.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 95])
            now.append((track, box))
            rows.append((index, track, box, five))
        before = now
        index += 1
    seconds = time.perf_counter() - begun_s
    np.savez(
        folder / "faces.npz",
        frames=np.array([row[0] for row in rows], np.int64),
        tracks=np.array([row[1] for row in rows], np.int64),
        boxes=np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        points=np.array([row[3] for row in rows], np.float32).reshape(-1, 5, 2),
    )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"frames": index, "loop_s": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
