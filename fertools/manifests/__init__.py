"""The manifest: its schema, reading and writing, validation and summaries."""
