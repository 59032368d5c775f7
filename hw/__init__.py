"""The accelerator's RTL in Amaranth, made from a network and a hardware configuration alone."""
