"""Whether a network fits a board, and which lanes do; what would help if none."""

from __future__ import annotations

from bisect import bisect

from deploy.bitstream.resources import needed_resources
from deploy.boards import BOARDS, Board
from deploy.boards.board import Resources
from deploy.boards.design import board_config
from hw.census import take_inventory
from hw.config import HardwareConfig
from hw.inventory import Inventory
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network

__all__ = ["Fitting", "lane_choices"]

_TOLERANCE = 1.15  # the estimate of logic may be wrong by that much
_USUAL_LANES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)
_NAMES = {"luts": "look-up tables", "block_rams": "block RAMs", "sprams": "SPRAMs"}


def lane_choices(network: Network, board: Board) -> list[int]:
    """Lanes worth a try, most first."""
    found = []
    for lanes in _USUAL_LANES:
        try:
            board_config(network, board, lanes)
        except SpikeforgeError:
            break
        found.append(lanes)
    return found[::-1]


class Fitting:
    """Fit checks of one network on one board; what was counted once is kept.

    Args:
        network: The network.
        board: The board.
    """

    def __init__(self, network: Network, board: Board):
        self._network, self._board = network, board
        self._inventories: dict[HardwareConfig, Inventory] = {}

    def check(self, config: HardwareConfig) -> Resources:
        """Refuse what will not fit, before the tools find out; returns what is needed.

        Raises:
            SpikeforgeError: Says what is short, by how much, and what helps.
        """
        needed = self._needed(config, self._board)
        short = _short(needed, self._board.has)
        if short:
            raise SpikeforgeError(
                f"{self._network.name} with {config.lanes} lanes does not fit "
                f"{self._board.title}: it needs {'; '.join(short)} (an estimate); "
                f"{self._help(config)}"
            )
        return needed

    def choose(self) -> HardwareConfig:
        """The most lanes that fit by the estimate.

        Raises:
            SpikeforgeError: If not even one lane fits.
        """
        found = self._most_lanes()
        if found is None:
            self.check(board_config(self._network, self._board, 1))
        return board_config(self._network, self._board, found or 1)

    def _needed(self, config: HardwareConfig, board: Board) -> Resources:
        if config not in self._inventories:
            self._inventories[config] = take_inventory(self._network, config)
        return needed_resources(self._network, config, self._inventories[config], board)

    def _fits(self, lanes: int, board: Board) -> bool:
        config = board_config(self._network, board, lanes)
        return not _short(self._needed(config, board), board.has)

    def _most_lanes(self) -> int | None:
        """By bisection: fewer lanes never need more."""
        choices = lane_choices(self._network, self._board)[::-1]
        place = bisect(choices, False, key=lambda lanes: not self._fits(lanes, self._board))
        return choices[place - 1] if place else None

    def _help(self, config: HardwareConfig) -> str:
        """What helps: lanes for logic; bits, hidden units, or another board for memories."""
        lanes = self._most_lanes()
        if lanes is not None and lanes < config.lanes:
            return f"fewer lanes help: --lanes {lanes}"
        larger = [
            other.name for other in BOARDS.values()
            if other is not self._board and self._fits(config.lanes, other)
        ]  # fmt: skip
        where = f", or take --board {' or '.join(larger[:2])}" if larger else ""
        return f"train it with fewer bits a weight or fewer hidden units{where}"


def _short(needed: Resources, has: Resources) -> list[str]:
    found = []
    for field, name in _NAMES.items():
        wanted, there = getattr(needed, field), getattr(has, field)
        limit = there * _TOLERANCE if field == "luts" else there
        if wanted > limit:
            about = "about " if field == "luts" else ""
            found.append(f"{about}{wanted:,} {name} of {there:,} ({wanted / max(there, 1):.1f} x)")
    return found
