"""The command line: one file per command, each of which parses, calls one function and prints."""
