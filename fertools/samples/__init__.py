"""An invented dataset, drawn: people who do not exist, with exact truth."""
