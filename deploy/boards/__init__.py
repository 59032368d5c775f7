"""Boards: their FPGAs and clocks, and the gateware on their pins."""

from deploy.boards.board import BOARDS, Board, Family, board_named
from deploy.boards.clock import ClockPlan, plan_clock

__all__ = ["BOARDS", "Board", "ClockPlan", "Family", "board_named", "plan_clock"]
