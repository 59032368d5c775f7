"""What a network needs of an FPGA, before any synthesis: memories counted, logic estimated.

Memories follow the rules by which Yosys maps them: the width and depth of a block that needs the
fewest blocks, with what ``script`` says of wide ones; what is as small as some registers stays
registers. Logic is an estimate: look-up tables grow with the flip-flops of the accelerator at a
rate that was fitted to three synthesized designs (docs/results.md judges it), and the link around
it takes as good as always the same.
"""

from __future__ import annotations

from deploy.bitstream.script import WIDE_BLOCK_COST
from deploy.boards.board import Board, Family, Resources
from hw.composing import composition_of
from hw.config import HardwareConfig
from hw.inventory import Inventory
from hw.link.gateware import link_memories
from spikeforge.network import Network

__all__ = ["block_rams", "needed_resources"]

_LUTS_PER_FLIP_FLOP = 2.8
_LINK_LUTS = 1450
_SHAPES = {
    Family.ICE40: ((16, 256), (8, 512), (4, 1024), (2, 2048)),
    Family.ECP5: ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)),
}
_WIDE_BITS = 36
_LEAST_BITS = 400
"""Memories of fewer bits become registers on the iCE40."""
_SMALL_SHARE = 4 / 128
"""What 16 words of 4 bits in look-up tables cost on the ECP5, in block RAMs."""


def block_rams(family: Family, width: int, depth: int, *, in_bytes: bool = False) -> int:
    """Block RAMs that a memory takes.

    Args:
        family: Of the device.
        width: Bits of a word.
        depth: Words.
        in_bytes: Each byte has a write enable of its own. A byte of the ECP5 has nine bits then.
    """
    if depth == 1 or (family is Family.ICE40 and width * depth < _LEAST_BITS):
        return 0
    found = []
    if family is Family.ECP5:
        found.append((-(-width // 4) * -(-depth // 16) * _SMALL_SHARE, 0))
    for bits, words in _SHAPES[family]:
        held = bits // 9 * 8 if in_bytes and bits % 9 == 0 else bits
        count = -(-width // held) * -(-depth // words)
        wide = family is Family.ECP5 and bits == _WIDE_BITS
        found.append((count * (WIDE_BLOCK_COST if wide else 1), count))
    return min(found, key=lambda one: (one[0], -one[1]))[1]


def needed_resources(
    network: Network, config: HardwareConfig, inventory: Inventory, board: Board
) -> Resources:
    """Estimate what a network takes on a board, the link around it included."""
    blocks, sprams = _memories(inventory, config, board.family)
    for width, depth in link_memories(network, config):
        blocks += block_rams(board.family, width, depth)
    flip_flops = sum(block.flip_flops for block in inventory.blocks)
    luts = round(_LINK_LUTS + _LUTS_PER_FLIP_FLOP * flip_flops)
    return Resources(luts=luts, block_rams=blocks, sprams=sprams)


def _memories(inventory: Inventory, config: HardwareConfig, family: Family) -> tuple[int, int]:
    blocks = sprams = 0
    for memory in inventory.memories:
        found = composition_of(memory, config)
        if found is not None:
            sprams += sum(found.count().values())
        else:
            in_bytes = memory.ports == 1  # content
            width = 8 * -(-memory.width_bits // 8) if in_bytes else memory.width_bits
            blocks += block_rams(family, width, memory.depth, in_bytes=in_bytes)
    return blocks, sprams
