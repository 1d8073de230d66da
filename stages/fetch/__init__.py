"""Fetch: bring the images in, verify every one, and list them in the manifest."""
