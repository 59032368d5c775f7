"""Stepped networks of multi-spike neurons: one forward pass for all rules, a backward pass each."""
