"""StarGAN: one generator that translates a face to any expression, valence or arousal."""

from fertools.training.systems.entry import Published, SystemEntry

ENTRY = SystemEntry(
    title="StarGAN",
    source="Banerjee, Emotion Generation and Recognition: A StarGAN Approach (Imperial College London, 2019)",
    recipe="fertools.training.systems.stargan.recipe:StarganRecipe",
    system="fertools.training.systems.stargan.system:Stargan",
    methods="fertools.training.systems.stargan.methods:describe",
    terms={
        "D/loss_real": "Minus the critic's mean on real faces. The lower, the surer it is that they are real.",
        "D/loss_fake": "The critic's mean on generated faces. The lower, the surer it is that they are generated.",
        "D/loss_cls": "Cross-entropy of the discriminator's expression head on real faces; guessing gives 1.946.",
        "D/loss_generated": "Cross-entropy of the discriminator's head on generated faces for their own class.",
        "D/loss_va": "Squared error of the discriminator's valence and arousal on real faces.",
        "D/loss_gp": "Gradient penalty, before its weight.",
        "G/loss_fake": "Minus the critic's mean on generated faces, seen from the generator.",
        "G/loss_rec": "Mean absolute difference between a face and its translation there and back, from -1 to 1.",
        "G/loss_change": "Mean absolute difference between a face and its translation, on the scale -1 to 1.",
        "G/loss_cls": "Cross-entropy of the discriminator's head on generated faces for the target expression.",
        "G/loss_va": "Squared error of the discriminator's head on generated faces for the target valence and arousal.",
    },
    # Banerjee (2019), the table of parameters and the log of the last iteration.
    published=Published(
        parameters={"generator": 8_436_800, "discriminator": 44_735_424},
        losses={
            "D/loss_real": -69.1152,
            "D/loss_fake": 22.4376,
            "D/loss_cls": 0.0002,
            "D/loss_gp": 1.2612,
            "G/loss_fake": -25.4440,
            "G/loss_rec": 0.1537,
            "G/loss_cls": 1.2868,
        },
        iterations=20_000,
    ),
)
