"""Where the work of an ingest runs: processes of this machine, or a Ray cluster."""

WORKER_MODULES = ("fertools.ingestion.engines.local", "fertools.faces.detection.mtcnn.cascade", "pandas")
"""Modules to import before the workers of the local engine start. pyarrow imports pandas for its first array."""
