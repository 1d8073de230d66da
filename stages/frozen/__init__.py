"""The frozen backbone on every image."""
