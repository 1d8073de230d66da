"""How TensorFlow computes: the same each time, in the precision that the machine has."""
