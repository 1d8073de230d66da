"""Decides when to decide."""
