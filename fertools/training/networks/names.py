"""Names of classification networks, available without importing torch."""

from __future__ import annotations

BACKBONES = {
    "resnet18": 32,
    "resnet34": 32,
    "resnet38": 32,
    "resnet50": 32,
    "resnet101": 32,
    "vgg16": 32,
    "vgg19": 32,
    "alexnet": 63,
}
"""Networks of fertools, with the smallest side of a face in pixels."""
TIMM = "timm:"
"""Prefix of the name of a model of the timm package."""
FEATURE_NETWORKS = ("vgg19-imagenet", "vgg16-imagenet", "vgg16-lpips", "vgg16-vggface", "resnet50-vggface2")
"""Networks for losses on feature maps, by the name of their published weights."""
FEATURES_ALONE = ("alexnet-lpips", "vgg16-lpips", "vgg16-vggface", "resnet50-vggface2")
"""Feature networks that no classifier can start from: their layout or their scale of pixels is not ImageNet's."""
