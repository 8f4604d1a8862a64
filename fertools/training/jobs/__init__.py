"""What the commands do: train, generate, evaluate, report."""
