"""Shows the data set as a person wants to see it before training."""
