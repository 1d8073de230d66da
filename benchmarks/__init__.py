"""Figures about the pipeline, each against a yardstick."""
