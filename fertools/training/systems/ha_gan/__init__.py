"""HA-GAN: a human expression on an animated character, recognised by a head of the discriminator."""

from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="HA-GAN",
    source=(
        "Ali, Isler, Hughes, Facial Expression Recognition Using Human to Animated-Character Expression Translation "
        "(2019)"
    ),
    recipe="fertools.training.systems.ha_gan.recipe:HaGanRecipe",
    system="fertools.training.systems.ha_gan.system:HaGan",
    methods="fertools.training.systems.ha_gan.methods:describe",
    terms={
        "G/loss_class": "Cross-entropy of the expression head on generated faces, against the label of the human face.",
        "G/loss_gan": "Adversarial loss of generated faces. The lower, the more real they look to the discriminator.",
        "G/loss_pixel": "Mean difference between a generated face and its target picture of the character.",
        "D/loss_class": "Cross-entropy of the expression head on real faces of the character.",
        "D/loss_real": "Loss of the real-or-generated head on real faces of the character.",
        "D/loss_fake": "Loss of the real-or-generated head on generated faces.",
        "loss_class": "Cross-entropy of the baseline on human faces.",
    },
)
