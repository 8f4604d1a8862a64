"""No step of a system makes a GPU wait for the CPU: no number is read, and no shape depends on values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fertools.training.data.batch import Batch
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import full_precision
from fertools.training.systems.registry import find_system

SYNCHRONISING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "is_nonzero", "equal"}
"""Operations that wait on CUDA for the values of their arguments; indexing by a mask is another."""
SMALL = {
    "stargan": ("image_size=16", "discriminator_layers=2", "conv_dim=2"),
    "classifier": ("image_size=32",),
    "unpaired": ("width=0.0625",),
    "et-cyclegan": ("conv_dim=2", "discriminator_layers=2", "face_net=vgg16-imagenet"),
    "cycleat": ("batch_size=4", "gan_batch=2", "norms=frozen", "start=teacher"),
    "cyclegan": ("conv_dim=2", "generator_blocks=1", "discriminator_layers=2", "image_size=16", "load_size=16"),
}


class Watch(TorchDispatchMode):
    """Notes the operations that would synchronise."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        masked = name in ("index", "index_put_", "index_put") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if masked or name in SYNCHRONISING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def batch(count: int, size_px: int, classes: int, *, all_labelled: bool) -> Batch:
    emotions, points = torch.arange(count) % classes, torch.rand(count, 2) * 2 - 1
    if not all_labelled:
        emotions[0], points[1] = -1, torch.nan
    shares = torch.full((count, classes), torch.nan)
    return Batch(emotions, points, torch.ones(count), shares, torch.rand(count, 3, size_px, size_px) * 2 - 1)


def one_hot(labels: torch.Tensor, classes: int) -> torch.Tensor:
    return (labels[..., None] == torch.arange(classes)).long()


def watch(monkeypatch: pytest.MonkeyPatch, name: str, *overrides: str) -> list[str]:
    # On a CPU alone, torch's own reads its labels to check them.
    monkeypatch.setattr("torch.nn.functional.one_hot", one_hot)
    torch.manual_seed(0)
    entry = find_system(name)
    recipe = resolve_recipe(name, entry.recipe_class(), "smoke", (*SMALL[name], *overrides)).recipe
    system = entry.system_class()(recipe)
    labelled = name == "stargan"
    classes = len(recipe.class_names)
    batches = {
        domain.name: batch(4, recipe.image_size, len(domain.classes) or classes, all_labelled=labelled)
        for domain in recipe.domains
    }
    noise = system.draw(batches, torch.Generator().manual_seed(0))
    turns = 0
    course = recipe.course(dict.fromkeys(batches, 4))
    begun = [course.at(0)] + [course.at(stage.iterations) for stage in course.stages[:-1]]
    with Watch() as seen:
        for at in begun:
            for step in system.iterate(at, batches, noise, full_precision):
                step.loss.backward()
                turns += 1
    assert turns
    return list(seen.found)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("stargan", ()),
        ("stargan", ("condition=class7+va2",)),
        ("stargan", ("gp=r1",)),
        ("classifier", ()),
        ("classifier", ("task=emotion+va", "mixup=0.2")),
        ("classifier", ("task=va", "va_loss=mse")),
        ("cyclegan", ()),
        ("unpaired", ()),
        ("unpaired", ("thermal=joint", "adaptive=permuted", "thermal_faces=noise")),
        ("unpaired", ("thermal_classes=happiness,sadness", "label_align=sorted")),
        ("unpaired", ("paired=pan", "unpaired_unit=off")),
        ("et-cyclegan", ()),
        ("cycleat", ()),
        ("cycleat", ("stage2_trains=classifier", "at_form=reference", "at_teacher_input=generated")),
        ("et-cyclegan", ("pairing=cycle", "weights=literal", "reduction=sum")),
    ],
)
def test_no_step_waits_for_the_device(monkeypatch: pytest.MonkeyPatch, name: str, overrides: tuple[str, ...]) -> None:
    assert watch(monkeypatch, name, *overrides) == []


def test_the_watch_sees_what_waits() -> None:
    values = torch.arange(4.0)
    with Watch() as seen:
        values.sum().item()
        values[values > 1]
    assert seen.found == ["_local_scalar_dense", "index"]
