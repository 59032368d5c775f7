"""From a network file to a bitstream: fit, synthesis, place and route, record."""
