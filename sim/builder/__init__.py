"""Building models: typed Python calls in, a ``Model`` out."""
