"""StarGAN."""
