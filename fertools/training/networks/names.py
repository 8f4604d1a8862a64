"""What classification networks are called, known without importing torch."""

from __future__ import annotations

BACKBONES = {"resnet18": 32, "resnet34": 32, "resnet50": 32, "resnet101": 32, "vgg19": 32, "alexnet": 63}
"""Networks that fertools has itself, and the smallest face in pixels that each can take."""
TIMM = "timm:"
"""What the name of a model of the timm package begins with."""
