"""CycleGAN: two generators that translate faces between two domains, in both directions."""

from fertools.training.systems.entry import SystemEntry

ENTRY = SystemEntry(
    title="CycleGAN",
    source=(
        "Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks "
        "(ICCV 2017)"
    ),
    recipe="fertools.training.systems.cyclegan.recipe:CycleganRecipe",
    system="fertools.training.systems.cyclegan.system:Cyclegan",
    methods="fertools.training.systems.cyclegan.methods:describe",
    terms={
        "G/loss_gan_target": "Adversarial loss of faces translated to the target. The lower, the more real they look.",
        "G/loss_gan_source": "Adversarial loss of faces translated to the source.",
        "G/loss_cycle_source": "Mean absolute difference between a source face and its translation there and back.",
        "G/loss_cycle_target": "Mean absolute difference between a target face and its translation there and back.",
        "G/loss_identity_target": "Mean absolute change of a target face by the generator that makes target faces.",
        "G/loss_identity_source": "Mean absolute change of a source face by the generator that makes source faces.",
        "D/loss_real_target": "Loss of the target discriminator on real target faces.",
        "D/loss_fake_target": "Loss of the target discriminator on generated target faces, some from the pool.",
        "D/loss_real_source": "Loss of the source discriminator on real source faces.",
        "D/loss_fake_source": "Loss of the source discriminator on generated source faces, some from the pool.",
    },
)
