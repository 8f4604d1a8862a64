"""Loss functions that several systems share."""
