"""Do two photos show the same thing? By perceptual hashes, and by the backbone's features."""
