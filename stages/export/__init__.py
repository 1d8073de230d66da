"""Writes the classifier in the formats of other runtimes."""
