"""A StarGAN with an image pool; as a script, a run of it that stops and is resumed, and then a command of fertools."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from fertools.cli.main import main
from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.training.data.batch import Batch, Labels
from fertools.training.data.faces import select_faces
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.networks.image_pool import ImagePool
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.systems.base import Autocast, Noise, Step, full_precision
from fertools.training.systems.stargan.recipe import StarganRecipe
from tests.training.engine.test_loop import Watched, make_loop


class Remembering(Watched):
    """A StarGAN whose batches are faces of earlier ones, as far as a pool of five has them."""

    def __init__(self, recipe: StarganRecipe) -> None:
        super().__init__(recipe)
        self.pool = ImagePool(5, (3, 16, 16))
        self.memory = {"pool": self.pool}

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        return super().draw(labels, generator) | {"pool": ImagePool.draw(len(labels[FACES].emotions), generator)}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        images = self.pool.exchange(batches[FACES].images, noise["pool"])
        yield from super().iterate(iteration, {FACES: replace(batches[FACES], images=images)}, noise, cast)


class Stopped(Exception):
    """The run is left as if it had been killed."""


def compare(root: Path) -> None:
    """Train unbroken and interrupted; write whether the pool of this process and the weights are the same."""
    process_group = ProcessGroup("cpu")
    faces = select_faces(Workspace(root), modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    states = []
    for name, stops in (("unbroken", ()), ("broken", (5, 0))):
        for number, stop in enumerate(stops or (0,)):
            loop, system = make_loop(faces, root / name, seed=number, kind=Remembering, process_group=process_group)

            def before(iteration: int, stop: int = stop) -> None:
                if stop and iteration == stop:
                    raise Stopped

            system.before = before
            try:
                loop.run(Silent())
            except Stopped:
                process_group.barrier()
        assert isinstance(system, Remembering)
        states.append([system.pool.images, *system.networks["discriminator"].parameters()])
    mine, others = states[0][0], process_group.gather({"pool": states[0][0]})
    differ = sum(not torch.equal(mine, other["pool"]) for other in others)
    same = all(torch.equal(one, other) for one, other in zip(*states, strict=True))
    Path(root / f"said-{process_group.rank}").write_text(f"same {same}, other pools {differ}")


if __name__ == "__main__":
    # Two tests with one start of processes, which import torch for seconds. The command closes the connections.
    compare(Path(sys.argv.pop(1)))
    main()
