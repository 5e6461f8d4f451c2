"""Files: scenes in, time-sampled USD out."""
