"""What params.yaml may hold: a module per section, named as the stage that it is of."""
