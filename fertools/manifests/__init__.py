"""The manifest: its schema, its store, its checks and its splits."""
