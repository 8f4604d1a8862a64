"""The folder of a training run, and what it records."""
