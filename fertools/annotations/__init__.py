"""What labels mean and where they come from: priors and imports."""
