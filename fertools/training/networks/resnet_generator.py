"""The ResNet generator of CycleGAN: an image in, an image of the same size out.

Layers are named as in the reference implementation (`model.1`, `model.10.conv_block.1`, ...), so that its published
weights load by name.

Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (2017),
appendix 7.2; biases and the inside of a residual block from junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from __future__ import annotations

from torch import Tensor, nn

from fertools.training.networks.initial_weights import init_normal


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with reflection padding and instance norm around a skip; nothing follows the sum.

    Args:
        channels: of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_normed(nn.Conv2d(channels, channels, 3), channels),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return NxCxHxW features plus the output of the two convolutions."""
        added: Tensor = features + self.conv_block(features)
        return added


class ResnetGenerator(nn.Module):
    """Translates images of one domain into another.

    Instance norm has no scale, no shift and no running statistics. So the result for an image does not depend on the
    rest of its batch, and the network computes the same in training and in eval mode.

    Args:
        blocks: residual blocks; the paper has 9 for images of 256 pixels and 6 for 128.
        conv_dim: channels of the first layer.

    Example:
        >>> generator = ResnetGenerator(blocks=9)
        >>> sum(parameter.numel() for parameter in generator.parameters())
        11378179
    """

    def __init__(self, blocks: int = 9, conv_dim: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), *_normed(nn.Conv2d(3, conv_dim, 7), conv_dim)]
        width = conv_dim
        for _ in range(2):
            layers += _normed(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), 2 * width)
            width *= 2
        layers += [ResidualBlock(width) for _ in range(blocks)]
        for _ in range(2):
            doubled = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
            layers += _normed(doubled, width // 2)
            width //= 2
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())
        init_normal(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return the translated images.

        Args:
            images: Nx3xHxW in [-1, 1]; H and W are multiples of 4, and 8 or more.

        Returns:
            Nx3xHxW in [-1, 1].
        """
        translated: Tensor = self.model(images)
        return translated


def _normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """Return a convolution with the instance norm and the ReLU that follow it."""
    return [convolution, nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)]
