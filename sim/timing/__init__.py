"""The cycle model, part by part: when every event moves, as sums and maxima of times."""
