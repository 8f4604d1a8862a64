"""CycleGAN's four networks: a generator and a discriminator for each domain."""

from __future__ import annotations

from torch import nn

from fertools.training.networks.patchgan import PatchGan
from fertools.training.networks.resnet_generator import ResnetGenerator
from fertools.training.systems.cyclegan.recipe import DISCRIMINATOR, GENERATOR, SOURCE, TARGET, TwoWayRecipe

DOMAINS = (SOURCE, TARGET)


def generator_to(domain: str) -> str:
    """Return the name of the generator that translates faces of the other domain to this one.

    Example:
        >>> generator_to("target")
        'generator_target'
    """
    return f"{GENERATOR}_{domain}"


def discriminator_of(domain: str) -> str:
    """Return the name of the discriminator that distinguishes real faces of a domain from generated ones.

    Example:
        >>> discriminator_of("source")
        'discriminator_source'
    """
    return f"{DISCRIMINATOR}_{domain}"


def build_networks(recipe: TwoWayRecipe) -> dict[str, nn.Module]:
    """Return the four networks by name, their weights drawn from torch's global random state."""
    networks: dict[str, nn.Module] = {}
    for domain in DOMAINS:
        networks[generator_to(domain)] = ResnetGenerator(recipe.generator_blocks, recipe.conv_dim)
        networks[discriminator_of(domain)] = PatchGan(recipe.discriminator_layers, recipe.conv_dim)
    return networks
