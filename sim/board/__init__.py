"""A board in Verilator: the gateware with its serial line, and a flash memory beside it."""

from sim.board.model import BoardModel, build_board

__all__ = ["BoardModel", "build_board"]
