"""What joins layers to a graph: forks, joins of residual paths, average pooling by address."""
