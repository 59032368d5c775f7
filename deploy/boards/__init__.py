"""Boards: gateware onto their pins, bitstreams, and what fits on them."""

from deploy.boards.board import BOARDS, Board, board_named
from deploy.boards.build import Built, build_bitstream
from deploy.boards.choose import board_config

__all__ = ["BOARDS", "Board", "Built", "board_config", "board_named", "build_bitstream"]
