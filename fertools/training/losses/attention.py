"""Attention transfer: a student network attends to the same places of a face as its teacher.

The attention map of a stage has a value for each position: how strongly its channels respond there. Maps are divided by
their L2 norm, so that the scale of a network does not matter. The teacher gets no gradient.

    literal      Q = sum over channels of |A|;    1/2 · sum over stages of ‖Q_s/‖Q_s‖ - Q_t/‖Q_t‖‖, mean over faces
    reference    Q = mean over channels of A^2;  1000 · sum over stages of the mean squared difference of Q/‖Q‖

Source: Zhang et al., "Facial Expression Recognition in the Wild: A Cycle-Consistent Adversarial Attention Transfer
Approach" (2018), for `literal`. Zagoruyko and Komodakis, "Paying More Attention to Attention" (2017), and the weight of
their code for ImageNet, for `reference`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.attention_forms import AttentionForm
from fertools.training.losses.float32 import widened

_EPSILON = 1e-12
"""Added inside the root of `literal`: the norm of a difference has no derivative at equal maps."""
_REFERENCE_WEIGHT = 1000.0


def attention_maps(stages: Sequence[Tensor], form: AttentionForm) -> list[Tensor]:
    """Return the attention map of each stage, Nxhxw, in float32 or wider.

    Args:
        stages: NxCxhxw outputs of the stages of a network.
        form: `literal` for sums of absolute values over channels, or `reference` for means of squares.

    Example:
        >>> attention_maps([torch.tensor([-3.0, 4.0]).view(1, 2, 1, 1)], "literal")[0].item()
        7.0
    """
    if form == "literal":
        return [widened(stage).abs().sum(dim=1) for stage in stages]
    return [widened(stage).square().mean(dim=1) for stage in stages]


def attention_transfer(student: Sequence[Tensor], teacher: Sequence[Tensor], form: AttentionForm) -> Tensor:
    """Return the distance of two networks' attention maps on the same N faces: a scalar in float32 or wider.

    It is 0 for equal maps, and does not change if the outputs of a stage are multiplied by a positive number. Where the
    maps of a stage differ in size, the larger one is averaged to the size of the smaller one. The gradient is finite
    everywhere, and it is 0 at equal maps.

    Args:
        student: NxCxhxw outputs of the student's stages; channels and sizes may differ from the teacher's.
        teacher: outputs of the same stages of the teacher, which get no gradient.
        form: `literal` or `reference`; see the module.

    Raises:
        ValueError: the two networks have different numbers of stages.

    Example:
        >>> attention_transfer([torch.ones(1, 2, 4, 4)], [torch.ones(1, 8, 4, 4)], "literal").item()
        0.0
    """
    parts = []
    wanted_maps = attention_maps([stage.detach() for stage in teacher], form)
    for found, wanted in zip(attention_maps(student, form), wanted_maps, strict=True):
        rows, columns = (min(found.shape[axis], wanted.shape[axis]) for axis in (1, 2))
        apart = _unit(found, rows, columns) - _unit(wanted, rows, columns)
        if form == "literal":
            # The root of epsilon is subtracted, so that equal maps have the distance 0.
            norms = (apart.square().sum(dim=1) + _EPSILON).sqrt() - _EPSILON**0.5
            parts.append(norms.mean() / 2)
        else:
            parts.append(_REFERENCE_WEIGHT * apart.square().mean())
    return torch.stack(parts).sum()


def _unit(maps: Tensor, rows: int, columns: int) -> Tensor:
    """Return Nxhxw maps as rows of length 1, averaged to `rows` x `columns` first."""
    if maps.shape[1:] != (rows, columns):
        maps = F.adaptive_avg_pool2d(maps, (rows, columns))
    return F.normalize(maps.flatten(1), dim=1)
