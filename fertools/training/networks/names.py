"""What classification networks are called, known without importing torch."""

from __future__ import annotations

BACKBONES = {
    "resnet18": 32,
    "resnet34": 32,
    "resnet50": 32,
    "resnet101": 32,
    "vgg16": 32,
    "vgg19": 32,
    "alexnet": 63,
}
"""Networks that fertools has, and the smallest face in pixels that each can take."""
TIMM = "timm:"
"""What the name of a model of the timm package begins with."""
FEATURE_NETWORKS = ("vgg19-imagenet", "vgg16-imagenet", "vgg16-lpips", "vgg16-vggface", "resnet50-vggface2")
"""Networks whose inner maps faces are compared by, with the published weights that each has by default."""
FEATURES_ALONE = ("vgg16-lpips", "vgg16-vggface", "resnet50-vggface2")
"""Those of them whose weights no classifier can begin with: of another layout, or of other pixels than ImageNet's."""
