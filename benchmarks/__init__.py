"""How fast the pipeline is, each figure against a yardstick."""
