"""Move datasets between places: push and pull to object storage, and merging of workspaces."""
