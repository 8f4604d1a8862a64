"""Classification networks by name, and loading of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fertools.core.arguments import given
from fertools.core.errors import InputError, RecipeError
from fertools.core.explain import reading
from fertools.core.progress import on_one_line
from fertools.core.sealed import check_whole, is_sealed
from fertools.core.spelling import nearest
from fertools.training.networks.array_pickle import is_array_pickle, read_arrays
from fertools.training.networks.names import BACKBONES, TIMM
from fertools.training.networks.plain import AlexNet, Vgg
from fertools.training.networks.resnet import ResNet

_STATE_KEYS = ("state_dict", "model")
"""Keys under which training programs store the weights of a network."""


def build_backbone(name: str, outputs: int, width: float = 1.0, dropout: float = 0.0, size_px: int = 224) -> nn.Module:
    """Return a network with new weights.

    Args:
        name: one of BACKBONES, or `timm:` and the name of a model of the timm package.
        outputs: number of outputs of the head.
        width: factor of the channels; timm's models ignore it.
        dropout: dropout of a ResNet; see `ResNet`.
        size_px: side of the faces in pixels, for the models of timm with a fixed size.

    Raises:
        RecipeError: timm is not installed, has no such model, or its model does not take faces of this size.
    """
    if name.startswith(TIMM):
        return _build_timm(name.removeprefix(TIMM), outputs, size_px)
    if name == "alexnet":
        return AlexNet(outputs, width)
    if name.startswith("vgg"):
        return Vgg(int(name.removeprefix("vgg")), outputs, width)
    return ResNet(int(name.removeprefix("resnet")), outputs, width, dropout)


def head_name(network: nn.Module) -> str:
    """Return the name of a network's last linear layer.

    Example:
        >>> head_name(ResNet(18, 7))
        'fc'
    """
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return names[-1]


def read_own_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights that a run of fertools has written.

    Raises:
        InputError: the file is damaged or missing.
    """
    check_whole(path, f"put back a copy of it, or train that run again with {given('resume', False)}")
    return load_file(path)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file of weights, without executing code in it.

    Args:
        path: a `.safetensors` file, a file of torch, or a pickle of NumPy arrays. A file of torch is read with
            `weights_only`; it is a state_dict, or has one under the key `state_dict` or `model`. Arrays in inner
            mappings of a pickle get names such as `outer/inner`.

    Raises:
        InputError: the file is missing or damaged, has no state_dict, or has values that are not finite.
    """
    if not path.is_file():
        raise InputError(f"there are no weights at {path}; give a file, or a name that `fertools weights` lists")
    with reading(path, "cannot be read as weights alone", "save a state_dict of tensors"):
        if path.suffix == ".safetensors" and is_sealed(path):
            check_whole(path, "put back a copy of it, or train the run that wrote it again")
        found: object
        if path.suffix == ".safetensors":
            found = load_file(path)
        elif is_array_pickle(path):
            found = {name: torch.from_numpy(array) for name, array in read_arrays(path).items()}
        else:
            found = torch.load(path, "cpu", weights_only=True)
    for key in _STATE_KEYS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise InputError(f"{path} has no state_dict of tensors; save one")
    if broken := [name for name, value in found.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise InputError(
            f"{broken[0]} in {path} has values that are not finite; give weights of a training that did not diverge"
        )
    # Networks that were wrapped for training on several GPUs have this prefix.
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def take_trained(network: nn.Module, path: Path) -> None:
    """Load the weights that a run wrote into its network.

    Args:
        network: network of the run.
        path: file of the weights.

    Raises:
        InputError: the file is missing or damaged, or belongs to another network.
    """
    weights = read_own_weights(path)
    with reading(path, "holds the weights of another network", "train the run again"):
        network.load_state_dict(weights)


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], where: str) -> bool:
    """Load weights into a network, except those of a head of another size.

    Args:
        network: network with the layout of the weights.
        weights: tensors by name.
        where: source of the weights, for the message.

    Returns:
        Whether the weights of the head were loaded, too.

    Raises:
        InputError: a layer is missing, or a layer other than the head has another shape.
    """
    own, head = network.state_dict(), head_name(network)
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    taken: dict[str, Tensor] = {}
    with_head = all(
        name in weights and weights[name].shape == own[name].shape for name in (f"{head}.weight", f"{head}.bias")
    )
    for name, value in own.items():
        if name in counters and name not in weights:
            continue
        if name.rpartition(".")[0] == head and not with_head:
            continue
        if name not in weights:
            raise InputError(f"{where} has no {name}; give weights of this network")
        if weights[name].shape != value.shape:
            shapes = f"{tuple(weights[name].shape)}, not {tuple(value.shape)}"
            raise InputError(f"{name} in {where} has the shape {shapes}; give weights of this network")
        taken[name] = weights[name]
    network.load_state_dict(taken, strict=False)
    return with_head


def _build_timm(name: str, outputs: int, size_px: int) -> nn.Module:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        # timm imports torchvision, which fails with a RuntimeError if its build does not match torch.
        raise RecipeError(
            f"network is timm:{name}, but timm cannot be imported ({error}); install it, or choose one of "
            f"{', '.join(BACKBONES)}"
        ) from error
    if name not in (known := timm.list_models()):
        raise RecipeError(f"timm has no model '{name}'{nearest(name, known)}; `timm.list_models()` names them all")
    sized = {"img_size": size_px} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=outputs, **sized)
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, size_px, size_px))
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise RecipeError(
            f"timm:{name} does not take faces of {size_px} pixels ({on_one_line(str(error))}); set another image_size, "
            "such as 224"
        ) from error
    return network.train()
