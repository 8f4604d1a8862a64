"""Download videos by a word for an expression, or from a list of addresses."""
