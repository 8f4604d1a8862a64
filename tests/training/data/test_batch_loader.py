"""The order in which faces are seen, and the batches made of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import BatchLoader, FaceSource
from fertools.training.data.faces import Faces, select_faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.data.sampler import Sampler
from fertools.training.recipes.domains import FACES
from tests.training.blobs import write_blobs


@given(length=st.integers(1, 20), batch_size=st.integers(1, 30), seed=st.integers(0, 2**32), batches=st.integers(1, 9))
def test_every_epoch_has_every_item_once(length: int, batch_size: int, seed: int, batches: int) -> None:
    sampler = Sampler(length, batch_size, seed)
    drawn = [sampler.next() for _ in range(batches)]
    assert all(len(batch) == batch_size for batch in drawn)
    order = torch.cat(drawn).tolist()
    for start in range(0, len(order) - length + 1, length):
        assert sorted(order[start : start + length]) == list(range(length))


@given(length=st.integers(1, 20), batch_size=st.integers(1, 30), seed=st.integers(0, 2**32), before=st.integers(0, 9))
def test_a_sampler_goes_on_where_another_stood(length: int, batch_size: int, seed: int, before: int) -> None:
    unbroken = Sampler(length, batch_size, seed)
    for _ in range(before):
        unbroken.next()
    resumed = Sampler(length, batch_size, seed + 1)
    resumed.move_to(unbroken.position)
    for _ in range(5):
        assert torch.equal(resumed.next(), unbroken.next())


def test_epochs_and_seeds_differ() -> None:
    sampler = Sampler(50, 50, seed=0)
    first, second = sampler.next(), sampler.next()
    assert not torch.equal(first, second)
    assert not torch.equal(first, Sampler(50, 50, seed=1).next())


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    workspace = write_blobs(tmp_path)
    return select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)


def pixels_of(faces: Faces) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return pictures whose left half is the row's number and whose right half is 255."""
    pixels = np.full((len(faces.table), 8, 8, 3), 255, np.uint8)
    pixels[:, :, :4] = np.arange(len(faces.table), dtype=np.uint8)[:, None, None, None]
    return pixels


def make_loader(faces: Faces, *, flip: bool = False, seed: int = 0, batch_size: int = 5) -> BatchLoader:
    return BatchLoader(
        {FACES: FaceSource(faces, pixels_of(faces))},
        batch_size=batch_size,
        augmentation=Augmentation(flip=flip),
        seed=seed,
        device="cpu",
    )


def following(loader: BatchLoader) -> Batch:
    return loader.load(loader.next())[FACES]


def rows_of(images: torch.Tensor) -> list[int]:
    """Return which rows are shown, mirrored or not."""
    corners = (images[:, 0, 0, [0, -1]].add(1) * 127.5).round()
    return [int(value) for value in corners.amin(dim=1)]


def test_only_training_faces_come_with_their_labels(faces: Faces) -> None:
    loader = make_loader(faces)
    seen: set[int] = set()
    for _ in range(10):
        batch = following(loader)
        rows = rows_of(batch.images)
        seen |= set(rows)
        assert batch.emotions.tolist() == faces.emotions[rows].tolist()
        np.testing.assert_array_equal(batch.valence_arousal.numpy(), faces.valence_arousal[rows])
    assert seen == set(faces.rows("train").tolist())


def test_pixels_go_from_minus_one_to_one(faces: Faces) -> None:
    images = make_loader(faces).batch(np.array([0, 20])).images
    assert images.dtype == torch.float32
    assert images.shape == (2, 3, 8, 8)
    assert images[0, 0, 0].tolist() == [-1] * 4 + [1] * 4
    assert images[1, 2, 7, 0].item() == pytest.approx(20 / 127.5 - 1)


def test_about_half_the_faces_are_mirrored_and_nothing_else_changes(faces: Faces) -> None:
    plain, flipped = make_loader(faces), make_loader(faces, flip=True)
    mirrored = []
    for _ in range(40):
        one, other = following(plain), following(flipped)
        assert rows_of(one.images) == rows_of(other.images)
        for before, after in zip(one.images, other.images, strict=True):
            mirrored.append(bool(after[0, 0, 0] == 1))
            assert torch.equal(after, before.flip(2) if mirrored[-1] else before)
    assert 70 < sum(mirrored) < 130


def test_a_loader_goes_on_with_the_same_batches(faces: Faces) -> None:
    unbroken = make_loader(faces, flip=True)
    for _ in range(7):
        unbroken.next()
    resumed = make_loader(faces, flip=True, seed=9)
    resumed.restore(*unbroken.state())
    for _ in range(7):
        assert torch.equal(following(resumed).images, following(unbroken).images)


def test_what_is_asked_for_ahead_is_not_yet_behind(faces: Faces) -> None:
    """The batches that come after a state are the same, whether the next is drawn already or not."""
    plain, ahead = make_loader(faces, flip=True), make_loader(faces, flip=True)
    ahead.prefetch(slice(0, 5))
    for _ in range(9):
        tensors, numbers = plain.state()
        assert numbers == ahead.state()[1]
        assert all(torch.equal(value, ahead.state()[0][name]) for name, value in tensors.items())
        assert torch.equal(following(plain).images, following(ahead).images)
    resumed = make_loader(faces, flip=True, seed=9)
    resumed.prefetch(slice(0, 5))
    resumed.next()
    resumed.restore(*ahead.state())
    for _ in range(9):
        assert torch.equal(following(resumed).images, following(plain).images)


def test_batches_come_from_the_cache_on_the_disk_too(tmp_path: Path, faces: Faces) -> None:
    from fertools.core.workspace import Workspace

    pixels = load_pixels(Workspace(tmp_path), faces, 16, tmp_path / "cache")
    loader = BatchLoader(
        {FACES: FaceSource(faces, pixels)}, batch_size=4, augmentation=Augmentation(), seed=0, device="cpu"
    )
    assert loader.size_px == 16
    expected = torch.from_numpy(np.array(pixels[[3, 1]])).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(loader.batch(np.array([3, 1])).images, expected)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system is asked by a call that it has not")
def test_the_system_is_asked_for_a_batch_while_the_one_before_is_worked_on(
    tmp_path: Path, faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fertools.core.workspace import Workspace

    pixels = load_pixels(Workspace(tmp_path), faces, 16, tmp_path / "cache")
    assert isinstance(pixels, np.memmap)
    file = Path(str(pixels.filename))
    content, asked = file.read_bytes(), []
    monkeypatch.setattr("os.posix_fadvise", lambda number, *asked_for: asked.append(asked_for))
    loader = BatchLoader(
        {FACES: FaceSource(faces, pixels)}, batch_size=4, augmentation=Augmentation(), seed=0, device="cpu"
    )
    loader.next()
    assert not asked
    loader.prefetch(slice(1, 3))
    for _ in range(5):
        asked.clear()
        loader.next()
        parts = [content[offset : offset + length] for offset, length, _ in asked]
        assert {advice for _, _, advice in asked} == {os.POSIX_FADV_WILLNEED}
        asked.clear()
        coming = loader.next()
        assert parts == [pixels[row].tobytes() for row in coming.rows[FACES][1:3].tolist()]
    file.unlink()
    asked.clear()
    loader.load(loader.next())
    assert not asked, "a file that is removed stays readable, and nothing is asked of it"
