"""Training: from photos and cached features to a network that tells labels."""
