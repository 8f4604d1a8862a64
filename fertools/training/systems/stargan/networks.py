"""StarGAN's two networks: one generator for all expressions, one discriminator with a critic and an expression head.

Layers are named as in the reference implementation (`main.0`, `main.9.main.3`, ...), so that its published weights
load by name.

Source: Banerjee, "Emotion Generation and Recognition: A StarGAN Approach" (2019), tables of the two networks;
Choi et al., "StarGAN" (2018); biases, norms and the inside of a residual block from yunjey/stargan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Conditioning = Literal["concat", "cin"]
Padding = Literal["zeros", "reflect"]
Output = Literal["image", "change", "warp"]
Upsampling = Literal["transposed", "resize"]

SLOPE = 0.01
"""Slope of the discriminator's leaky ReLU. The paper prints -0.01, which would not be monotone."""
_MOST_SHIFT = 0.12
"""Largest displacement of a pixel by `warp`, where half a side is 1."""
_MASK_BIAS = 2.0
"""Offset that closes the mask of `warp` before training."""
_RUNNING = ("running_mean", "running_var", "num_batches_tracked")


class ConditionalInstanceNorm(nn.Module):
    """Instance norm with a scale and a shift that depend linearly on the condition.

    With one-hot conditions this is one scale and one shift per class and channel.

    Args:
        channels: number of channels C.
        condition_dim: length n_c of the condition.

    Source: Dumoulin et al., "A Learned Representation for Artistic Style" (2017), equation 5.
    """

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.scale = nn.Linear(condition_dim, channels, bias=False)
        self.shift = nn.Linear(condition_dim, channels, bias=False)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return NxCxHxW features, normalised and then scaled and shifted by an N x n_c condition."""
        scale: Tensor = (self.weight + self.scale(condition))[..., None, None]
        shift: Tensor = (self.bias + self.shift(condition))[..., None, None]
        return torch.addcmul(shift, F.instance_norm(features), scale)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance norm and a skip connection, without a final ReLU.

    The paper's table lists one convolution per block; its parameter count proves two.
    """

    def __init__(self, channels: int, condition_dim: int, conditioning: Conditioning, padding: Padding) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False, padding_mode=padding),
            _norm(channels, condition_dim, conditioning),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False, padding_mode=padding),
            _norm(channels, condition_dim, conditioning),
        )

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Return NxCxHxW features plus the output of the two convolutions."""
        return features + _run(self.main, features, condition)


class Generator(nn.Module):
    """Translates faces to the expression of a condition.

    With `conditioning="concat"` the condition is repeated over the image and concatenated to it. These channels are
    constant in space. So a convolution turns them into a constant per feature map, and instance norm removes it. The
    condition reaches the network only through the zero-padded border. **Zero padding is therefore essential.** With
    `padding="reflect"`, a negative control, the condition has no effect at all. `conditioning="cin"` has no such
    bottleneck.

    Args:
        condition_dim: length n_c of the condition: 7 for classes, 2 for (valence, arousal), 9 for both.
        conv_dim: channels of the first layer.
        blocks: number of residual blocks.
        conditioning: `concat` (the paper) or `cin` (conditional instance norm).
        padding: `zeros`; `reflect` is a negative control.
        output: `image` (the paper), `change` or `warp`. `change` has three channels of new colour and a mask, the
            share of the new colour in each pixel. So parts that do not change are copied and not generated. `warp`
            first moves the pixels of the input, and then applies the change. The network works at half the resolution,
            and both are smooth fields. So it cannot generate fine patterns.
        upsampling: `transposed` convolutions (the paper); or `resize`, which repeats the nearest pixel before a 3x3
            convolution and avoids checkerboard artefacts.

    Source: Pumarola et al., "GANimation" (2018), equation 1, for `change`. Zhou et al., "View Synthesis by Appearance
    Flow" (2016), for moving pixels. Odena et al., "Deconvolution and Checkerboard Artifacts" (2016), for `resize`.

    Example:
        >>> generator = Generator(condition_dim=7)
        >>> sum(parameter.numel() for parameter in generator.parameters())
        8436800
    """

    def __init__(
        self,
        condition_dim: int = 7,
        conv_dim: int = 64,
        blocks: int = 6,
        conditioning: Conditioning = "concat",
        padding: Padding = "zeros",
        output: Output = "image",
        upsampling: Upsampling = "transposed",
    ) -> None:
        super().__init__()
        self.condition_dim, self.conditioning, self.output = condition_dim, conditioning, output
        inputs = 3 + (condition_dim if conditioning == "concat" else 0)
        halved = output == "warp"
        side, stride, edge = (4, 2, 1) if halved else (7, 1, 3)
        layers: list[nn.Module] = [nn.Conv2d(inputs, conv_dim, side, stride, edge, bias=False, padding_mode=padding)]
        width = conv_dim
        layers += [_norm(width, condition_dim, conditioning), nn.ReLU(inplace=True)]
        steps = 1 if halved else 2
        for _ in range(steps):
            layers += [
                nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False, padding_mode=padding),
                _norm(2 * width, condition_dim, conditioning),
                nn.ReLU(inplace=True),
            ]
            width *= 2
        layers += [ResidualBlock(width, condition_dim, conditioning, padding) for _ in range(blocks)]
        for _ in range(steps):
            layers += [
                _doubled(width, upsampling, padding),
                _norm(width // 2, condition_dim, conditioning),
                nn.ReLU(inplace=True),
            ]
            width //= 2
        outputs = {"image": 3, "change": 4, "warp": 6}[output]
        layers.append(nn.Conv2d(width, outputs, 7, 1, 3, bias=False, padding_mode=padding))
        self.main = nn.Sequential(*layers, *([nn.Tanh()] if output == "image" else []))

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Return the translated images.

        Args:
            images: Nx3xHxW in [-1, 1]; H and W are multiples of 4.
            condition: N x n_c conditions.

        Returns:
            Nx3xHxW in [-1, 1].
        """
        inputs = images
        if self.conditioning == "concat":
            planes = condition.to(images.dtype)[..., None, None].expand(-1, -1, *images.shape[2:])
            images = torch.cat([images, planes], dim=1)
        painted = _run(self.main, images, condition)
        if self.output == "image":
            return painted
        if self.output == "change":
            return torch.lerp(inputs, painted[:, :3].tanh(), painted[:, 3:].sigmoid())
        fields = F.interpolate(painted, scale_factor=2, mode="bilinear")
        moved = _moved(inputs, _MOST_SHIFT * fields[:, 4:].tanh())
        return torch.lerp(moved, fields[:, :3].tanh(), (fields[:, 3:4] - _MASK_BIAS).sigmoid())


class Discriminator(nn.Module):
    """Distinguishes real from generated patches with its critic, and predicts the expression with its head.

    The strided convolutions have leaky ReLUs and no normalisation. So the critic is piecewise linear in its input.
    `fertools.training.losses.gradient_penalty` uses this.

    Args:
        image_size: side of the image in pixels, a multiple of 2 to the power `layers`.
        domain_dim: number n_d of outputs of the expression head.
        conv_dim: channels of the first layer; each layer doubles them.
        layers: number of strided convolutions.

    Example:
        >>> discriminator = Discriminator(image_size=64, domain_dim=7)
        >>> sum(parameter.numel() for parameter in discriminator.parameters())
        44735424
    """

    def __init__(self, image_size: int = 64, domain_dim: int = 7, conv_dim: int = 64, layers: int = 6) -> None:
        super().__init__()
        if image_size % 2**layers or image_size < 2**layers:
            raise ValueError(f"image_size {image_size} is not a multiple of {2**layers}, as {layers} layers need")
        modules: list[nn.Module] = []
        inputs, width = 3, conv_dim
        for _ in range(layers):
            modules += [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
            inputs, width = width, 2 * width
        self.main = nn.Sequential(*modules)
        self.conv1 = nn.Conv2d(inputs, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(inputs, domain_dim, image_size // 2**layers, bias=False)

    @property
    def critic(self) -> list[nn.Conv2d]:
        """The convolutions from the image to the critic map, in order; a leaky ReLU of SLOPE is between each two."""
        return [layer for layer in (*self.main, self.conv1) if isinstance(layer, nn.Conv2d)]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critic map, Nx1xhxw, and the outputs of the expression head, N x n_d, of Nx3xHxW images."""
        features = self.main(images)
        return self.conv1(features), self.conv2(features).flatten(1)


def init_he(discriminator: Discriminator) -> None:
    """Initialise the strided convolutions of a discriminator so that all layers have outputs of the same variance.

    With the default weights of torch, the outputs shrink from layer to layer, and no normalisation corrects that.

    Source: He et al., "Delving Deep into Rectifiers" (2015), equation 14.
    """
    for layer in discriminator.main:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def load_reference_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load weights in the layout of yunjey/stargan.

    Its instance norms have running statistics. Its code never uses them, because it always runs in training mode. They
    are not loaded, because they would act like batch norm.

    Args:
        network: a `Generator` or `Discriminator` of the same sizes.
        state: tensors by name, as in that repository's `.ckpt` files.

    Raises:
        RuntimeError: a name or shape differs.
    """
    network.load_state_dict({name: value for name, value in state.items() if not name.endswith(_RUNNING)})


def _norm(channels: int, condition_dim: int, conditioning: Conditioning) -> nn.Module:
    if conditioning == "cin":
        return ConditionalInstanceNorm(channels, condition_dim)
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=False)


def _doubled(channels: int, upsampling: Upsampling, padding: Padding) -> nn.Module:
    """Return a layer that doubles the sides of feature maps and halves their channels."""
    if upsampling == "transposed":
        return nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False)
    convolution = nn.Conv2d(channels, channels // 2, 3, 1, 1, bias=False, padding_mode=padding)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution)


def _moved(images: Tensor, flow: Tensor) -> Tensor:
    """Return NxCxHxW images warped by Nx2xHxW displacements (across, down), where half a side is 1."""
    identity = torch.eye(2, 3, dtype=images.dtype, device=images.device).expand(len(images), -1, -1)
    grid = F.affine_grid(identity, list(images.shape), align_corners=False) + flow.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _run(layers: nn.Sequential, features: Tensor, condition: Tensor) -> Tensor:
    for layer in layers:
        takes_condition = isinstance(layer, ConditionalInstanceNorm | ResidualBlock)
        features = layer(features, condition) if takes_condition else layer(features)
    return features
