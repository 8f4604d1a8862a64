"""Loss terms that several systems share."""
