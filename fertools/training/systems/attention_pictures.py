"""Pictures of the places of a face that a network attends to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fertools.training.losses.attention import attention_maps
from fertools.training.losses.attention_forms import AttentionForm

_FACE_SHARE = 0.35


def attention_pictures(images: Tensor, stages: Sequence[Tensor], form: AttentionForm) -> list[Tensor]:
    """Return, for each stage, the faces in grey with their attention from black over red and yellow to white.

    Each map is stretched from its least value to its largest one, face by face.

    Args:
        images: Nx3xSxS faces in [-1, 1].
        stages: NxCxhxw outputs of the stages of a network for these faces.
        form: form of the attention maps.

    Returns:
        Nx3xSxS pictures in [-1, 1] per stage.
    """
    grey = (images.mean(dim=1, keepdim=True) + 1) / 2
    pictures = []
    for maps in attention_maps(stages, form):
        low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
        heat = ((maps - low) / (high - low).clamp(min=1e-12))[:, None]
        heat = F.interpolate(heat, images.shape[2:], mode="bilinear", align_corners=False)
        colours = torch.cat([(3 * heat - number).clamp(0, 1) for number in range(3)], dim=1)
        pictures.append((_FACE_SHARE * grey + (1 - _FACE_SHARE) * colours) * 2 - 1)
    return pictures


def compared_attention(
    images: Tensor, stages: Mapping[str, Sequence[Tensor]], form: AttentionForm
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Return the columns of a grid, and how similar the attention of two networks is.

    Args:
        images: Nx3xSxS faces in [-1, 1].
        stages: outputs of the stages of networks for these faces, by name of the network.
        form: form of the attention maps.

    Returns:
        Pictures by name of the column, one per network and stage. And the mean cosine of the maps of the first two
        networks by stage, from 0 to 1, where the maps of both have the same size.
    """
    columns = {
        f"{name} {number}": picture
        for name, some in stages.items()
        for number, picture in enumerate(attention_pictures(images, some, form), start=1)
    }
    cosines = {}
    for number, pair in enumerate(zip(*(attention_maps(some, form) for some in stages.values()), strict=True), start=1):
        if len(pair) > 1 and pair[0].shape == pair[1].shape:
            similar = F.cosine_similarity(pair[0].flatten(1), pair[1].flatten(1)).mean()
            cosines[f"attention of stage {number}"] = similar.item()
    return columns, cosines
