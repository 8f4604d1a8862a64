"""The folder of a training run, its record and its models."""
