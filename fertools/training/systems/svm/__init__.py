"""The support vector machine baseline."""
