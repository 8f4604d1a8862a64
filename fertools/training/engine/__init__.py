"""The engine: the training loop, checkpoints, the journal and TensorBoard. It works with any system."""
