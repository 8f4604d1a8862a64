"""Penalties on the input gradient of a critic, by autograd and in closed form.

The critic is a chain of convolutions with leaky ReLUs between them. It is piecewise linear in its input x. So the
gradient of the sum of its output map is the chain run backwards. It begins with ones. For each layer from last to
first, it applies the transposed convolution and multiplies by the slopes of that layer: 1 where the pre-activation is
positive, SLOPE elsewhere. The slopes are constant in the weights except at jumps, where there is no derivative. What
remains is a first-order function of the weights. Autograd differentiates it once. The usual implementation
differentiates a derivative.

Values and weight gradients equal those of the usual implementation. Gradients of biases are zero in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.losses.float32 import widened

Kind = Literal["wgan-gp", "r1", "none"]
Implementation = Literal["closed_form", "autograd"]


def input_gradient(critic: Sequence[nn.Conv2d], images: Tensor, slope: float, implementation: Implementation) -> Tensor:
    """Return the gradient of the sum of the critic's map with respect to its input, differentiable in the weights.

    Args:
        critic: convolutions in order, with a leaky ReLU between each two and none after the last.
        images: NxCxHxW images.
        slope: slope of the leaky ReLU for negative values.
        implementation: `closed_form`, or `autograd` as its reference.

    Returns:
        The gradient, NxCxHxW.
    """
    return (_closed_form if implementation == "closed_form" else _autograd)(critic, images, slope)


def gradient_penalty(gradient: Tensor, kind: Kind) -> Tensor:
    """Return the penalty of a batch of input gradients, a scalar in float32 or wider.

    Args:
        gradient: NxCxHxW input gradients. The norm is over all pixels and channels of a sample.
        kind: `wgan-gp` for the mean of (norm - 1) squared; `r1` for half the mean of the norm squared; `none` for zero.

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), equation 3; Mescheder et al., "Which
    Training Methods for GANs do actually Converge?" (2018), equation 9.
    """
    # In bfloat16, a sum of about ten thousand squares would lose most of its digits.
    flat = widened(gradient.flatten(1))
    if kind == "wgan-gp":
        norms: Tensor = torch.linalg.vector_norm(flat, dim=1)
        return (norms - 1).square().mean()
    if kind == "r1":
        return flat.square().sum(dim=1).mean() / 2
    return flat.new_zeros(())


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """Return alpha * real + (1 - alpha) * fake, detached; alpha is Nx1x1x1 in [0, 1].

    Source: Gulrajani et al. (2017), algorithm 1, line 6.
    """
    return (alpha * real + (1 - alpha) * fake).detach()


def _closed_form(critic: Sequence[nn.Conv2d], images: Tensor, slope: float) -> Tensor:
    positive, sizes = [], []
    with torch.no_grad():
        features = images
        for layer in critic:
            sizes.append(features.shape[2:])
            features = layer(features)
            positive.append(features > 0)
            features = F.leaky_relu(features, slope)
    gradient = torch.ones_like(features)
    for index in reversed(range(len(critic))):
        if index < len(critic) - 1:
            gradient = torch.where(positive[index], gradient, slope * gradient)
        gradient = _transposed(critic[index], gradient, sizes[index])
    return gradient


def _transposed(layer: nn.Conv2d, gradient: Tensor, size: torch.Size) -> Tensor:
    """Return the transposed convolution of `gradient`, with the size of the layer's input."""
    stride, padding, kernel = _pair(layer.stride), _pair(layer.padding), _pair(layer.kernel_size)
    spare = [
        size[axis] - ((gradient.shape[2 + axis] - 1) * stride[axis] - 2 * padding[axis] + kernel[axis])
        for axis in (0, 1)
    ]
    return F.conv_transpose2d(gradient, layer.weight, stride=stride, padding=padding, output_padding=spare)


def _pair(value: str | tuple[int, ...]) -> tuple[int, int]:
    if isinstance(value, str):
        raise TypeError(f"the closed form needs padding in pixels, not '{value}'")
    return value[0], value[1]


def _autograd(critic: Sequence[nn.Conv2d], images: Tensor, slope: float) -> Tensor:
    images = images.detach().requires_grad_()
    features = images
    for layer in critic[:-1]:
        features = F.leaky_relu(layer(features), slope)
    (gradient,) = torch.autograd.grad(critic[-1](features).sum(), images, create_graph=True)
    return gradient
