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


class AlexNet(nn.Module):
    """Five convolutions and three linear layers, with dropout before the first two linear layers.

    Args:
        outputs: number of outputs of the head.

    Example:
        >>> sum(weight.numel() for weight in AlexNet(1000).parameters())
        61100840
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, 1, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, outputs),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return N x outputs of Nx3xHxW normalised images of 63 pixels or more."""
        outputs: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return outputs


def vgg_layers(depth: int) -> list[nn.Module]:
    """Return the convolutions, ReLUs and poolings of a VGG network, with torch's initial weights.

    Args:
        depth: 16 or 19.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in _VGG[depth]:
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU(inplace=True)]
            inputs = width
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
    """

    def __init__(self, depth: int, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*vgg_layers(depth))
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, outputs),
        )
        begin_vgg(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return N x outputs of Nx3xHxW normalised images of 32 pixels or more."""
        outputs: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return outputs
