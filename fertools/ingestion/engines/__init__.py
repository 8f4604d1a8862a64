"""Where the work of an ingest runs: processes of this machine, or a Ray cluster."""
