"""People across videos: embedders, constraints, clustering, and subjects that stay."""
