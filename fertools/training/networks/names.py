"""Names of classification networks, available without importing torch."""

from __future__ import annotations

BACKBONES = {"resnet18": 32, "resnet34": 32, "resnet50": 32, "resnet101": 32, "vgg19": 32, "alexnet": 63}
"""Networks of fertools, with the smallest side of a face in pixels."""
TIMM = "timm:"
"""Prefix of the name of a model of the timm package."""
