"""Sources: find and read videos and pictures, and read subject and emotion from their paths."""
