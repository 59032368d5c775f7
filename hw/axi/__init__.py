"""The accelerator behind AXI: event and result streams, and a register bank to run it by."""
