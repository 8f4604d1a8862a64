"""The image pool: the images that it returns, and its state in a checkpoint."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fertools.core.errors import Interrupted
from fertools.core.progress import Silent
from fertools.training.data.faces import select_faces
from fertools.training.networks.image_pool import ImagePool
from tests.training.blobs import write_blobs
from tests.training.engine.test_loop import assert_same, make_loop, weights
from tests.training.pooled import Remembering


def numbered(start: int, count: int) -> torch.Tensor:
    """Return images whose pixels all have the number of the image."""
    return torch.arange(start, start + count, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()


def test_the_first_fifty_are_returned_unchanged() -> None:
    pool, generator = ImagePool(50, (3, 2, 2)), torch.Generator().manual_seed(0)
    for start in range(0, 50, 5):
        new = numbered(start, 5)
        assert torch.equal(pool.exchange(new, ImagePool.draw(5, generator)), new)
    assert torch.equal(pool.images, numbered(0, 50))


@given(size=st.integers(1, 6), batch=st.integers(1, 5), seed=st.integers(0, 2**32), batches=st.integers(1, 12))
def test_it_does_what_a_list_would(size: int, batch: int, seed: int, batches: int) -> None:
    pool, generator = ImagePool(size, (3, 2, 2)), torch.Generator().manual_seed(seed)
    kept: list[float] = []
    for number in range(batches):
        draws, expected = ImagePool.draw(batch, generator), []
        for offset, (keeps, place) in enumerate(draws.tolist()):
            new = float(number * batch + offset)
            if len(kept) < size:
                kept.append(new)
                expected.append(new)
            elif keeps < 0.5:
                expected.append(new)
            else:
                expected.append(kept[int(place * size)])
                kept[int(place * size)] = new
        given_back = pool.exchange(numbered(number * batch, batch), draws)
        assert given_back[:, 0, 0, 0].tolist() == expected
        assert torch.equal(given_back, given_back[:, :1, :1, :1].expand(-1, 3, 2, 2))


def test_half_are_old_and_every_place_is_used() -> None:
    pool, generator = ImagePool(10, (3, 2, 2)), torch.Generator().manual_seed(1)
    pool.exchange(numbered(0, 10), ImagePool.draw(10, generator))
    numbers = numbered(10, 2000)
    old = (pool.exchange(numbers, ImagePool.draw(2000, generator)) != numbers)[:, 0, 0, 0]
    assert 900 < int(old.sum()) < 1100
    assert (pool.images[:, 0, 0, 0] > 1000).all()


def test_nothing_is_kept_of_a_graph_and_a_pool_of_none_keeps_nothing() -> None:
    new = numbered(0, 2).requires_grad_()
    for size in (0, 3):
        pool = ImagePool(size, (3, 2, 2))
        assert not pool.exchange(new * 2, torch.rand(2, 2)).requires_grad
        assert len(pool.images) == size


def test_a_stopped_run_goes_on_with_its_pool_bit_for_bit(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    unbroken, system = make_loop(faces, tmp_path / "unbroken", kind=Remembering)
    unbroken.run(Silent())
    at = random.randrange(1, 6)
    first, stopped = make_loop(faces, tmp_path / "stopped", kind=Remembering)
    stopped.before = lambda iteration: os.kill(os.getpid(), signal.SIGINT) if iteration == at else None
    with pytest.raises(Interrupted):
        first.run(Silent())
    second, resumed = make_loop(faces, tmp_path / "stopped", kind=Remembering, seed=9)
    second.run(Silent())
    assert_same(weights(resumed), weights(system))
    assert isinstance(resumed, Remembering)
    assert isinstance(system, Remembering)
    assert_same(resumed.pool.state_dict(), system.pool.state_dict())
    assert len(torch.unique(resumed.pool.images, dim=0)) == 5, f"stopped at {at}"
