"""The work of the commands: train, generate and evaluate."""
