"""Initial weights that several networks share."""

from __future__ import annotations

from torch import nn

_STD = 0.02


def init_normal(network: nn.Module) -> None:
    """Draw the weights of all convolutions from N(0, 0.02) and set their biases to 0.

    Args:
        network: whose convolutions, transposed ones included, are drawn from torch's global random state.

    Source: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks" (2016), section 3; that biases are 0, junyanz/pytorch-CycleGAN-and-pix2pix.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, _STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
