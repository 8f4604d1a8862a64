"""Training on a manifest: recipe, data, engine, systems, report."""
