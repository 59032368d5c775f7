"""Models of the accelerator: integer reference, cycle model, Verilated RTL, cocotb benches."""
