"""The gate method: a synthesized netlist, its activity, and the tables of its cells."""
