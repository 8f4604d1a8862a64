"""Networks without skip connections: AlexNet, VGG-16 and VGG-19, with layer names of torchvision (`features.0`).

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), for the AlexNet with one
tower. Simonyan and Zisserman, "Very Deep Convolutional Networks" (2015), table 1, columns D and E, for the VGG networks
without batch norm.
"""

from __future__ import annotations

from torch import Tensor, nn

_VGG = {
    16: ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)),
    19: ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)),
}
"""Channels and number of the convolutions before each pooling, by depth."""


def scaled(count: int, width: float) -> int:
    """Return a number of channels or units times a width, at least 1.

    Example:
        >>> scaled(64, 0.25)
        16
    """
    return max(1, round(count * width))


class AlexNet(nn.Module):
    """Five convolutions and three linear layers, with dropout before the first two linear layers.

    Args:
        outputs: number of outputs of the head.
        width: factor of the channels of all convolutions and of the units of the first two linear layers.

    Example:
        >>> sum(weight.numel() for weight in AlexNet(1000).parameters())
        61100840
    """

    def __init__(self, outputs: int, width: float = 1.0) -> None:
        super().__init__()
        first, second, third, fourth, units = (scaled(count, width) for count in (64, 192, 384, 256, 4096))
        self.features = nn.Sequential(
            nn.Conv2d(3, first, 11, 4, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(first, second, 5, 1, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(second, third, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, fourth, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(fourth, fourth, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(fourth * 6 * 6, units),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(units, units),
            nn.ReLU(inplace=True),
            nn.Linear(units, outputs),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return N x outputs of Nx3xHxW normalised images of 63 pixels or more."""
        outputs: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return outputs


def vgg_layers(depth: int, width: float = 1.0) -> list[nn.Module]:
    """Return the convolutions, ReLUs and poolings of a VGG network, with torch's initial weights.

    Args:
        depth: 16 or 19.
        width: factor of the channels.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for channels, count in _VGG[depth]:
        outputs = scaled(channels, width)
        for _ in range(count):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    return layers


def begin_vgg(network: nn.Module) -> None:
    """Draw the weights of a VGG network from torch's global random state, and set its biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every convolution here has one
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)


class Vgg(nn.Module):
    """Thirteen or sixteen convolutions and three linear layers, with dropout after the first two linear layers.

    Args:
        depth: 16 or 19.
        outputs: number of outputs of the head.
        width: factor of the channels of all convolutions and of the units of the first two linear layers.
    """

    def __init__(self, depth: int, outputs: int, width: float = 1.0) -> None:
        super().__init__()
        last, units = scaled(512, width), scaled(4096, width)
        self.features = nn.Sequential(*vgg_layers(depth, width))
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(last * 7 * 7, units),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(units, units),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(units, outputs),
        )
        begin_vgg(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x outputs of Nx3xHxW normalised images of 32 pixels or more."""
        outputs: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return outputs
