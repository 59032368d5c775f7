"""Memories of the accelerator in different technologies, all behind :class:`hw.ram.Ram`."""
