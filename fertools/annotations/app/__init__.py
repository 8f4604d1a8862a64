"""The rating page and its server."""
