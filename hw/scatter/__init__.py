"""The scatter engine: each event adds its weight rows to the sums of the neurons it reaches."""
