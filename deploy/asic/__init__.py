"""From a network file to what silicon flows take: Verilog, constraints, configuration, checks."""
