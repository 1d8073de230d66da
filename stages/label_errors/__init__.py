"""Finds images that likely stand under a wrong label."""
