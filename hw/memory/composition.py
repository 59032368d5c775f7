"""How a memory is put together from cells of fixed sizes: pure arithmetic, without hardware.

A bank is a row of cells of one depth side by side, together at least a word wide. Banks are
stacked, deep ones first, of one depth or two. Depths are powers of two, so a bank begins at a
multiple of its own depth: the low address bits are the address within, the rest names the bank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Bank", "Cell", "Composition", "compose"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A memory cell that a technology offers.

    Attributes:
        name: Name of its Verilog module.
        width: Bits of a word.
        depth: Words, a power of two.
        area_um2: Its size (any unit serves, if all cells of a choice share it).
    """

    name: str
    width: int
    depth: int
    area_um2: float


@dataclass(frozen=True)
class Bank:
    """Cells of one depth side by side, lowest bits first.

    Attributes:
        cells: At least one.
    """

    cells: tuple[Cell, ...]

    @property
    def depth(self) -> int:
        """Words, the same in every cell."""
        return self.cells[0].depth

    @property
    def width(self) -> int:
        """Bits of all cells together."""
        return sum(cell.width for cell in self.cells)

    @property
    def area_um2(self) -> float:
        """Size of all cells."""
        return sum(cell.area_um2 for cell in self.cells)


@dataclass(frozen=True)
class Composition:
    """Banks that make a memory, in the order of their addresses.

    Attributes:
        banks: Deep ones first.
    """

    banks: tuple[Bank, ...]

    @property
    def area_um2(self) -> float:
        """Size of all cells, without the multiplexers between banks."""
        return sum(bank.area_um2 for bank in self.banks)

    def begins(self) -> Iterator[tuple[int, Bank]]:
        """Each bank and the address of its first word."""
        begin = 0
        for bank in self.banks:
            yield begin, bank
            begin += bank.depth

    def count(self) -> dict[str, int]:
        """How many of each cell."""
        found: dict[str, int] = {}
        for bank in self.banks:
            for cell in bank.cells:
                found[cell.name] = found.get(cell.name, 0) + 1
        return found


def compose(width: int, depth: int, cells: Iterable[Cell]) -> Composition:
    """The smallest composition; of equal ones that with the fewest banks.

    Args:
        width: Bits of a word.
        depth: Words.
        cells: What there is, at least one.
    """
    by_depth: dict[int, list[Cell]] = {}
    for cell in cells:
        assert cell.depth & (cell.depth - 1) == 0, cell
        by_depth.setdefault(cell.depth, []).append(cell)
    banks = [_cover(width, same) for same in by_depth.values()]
    deep, count, shallow, more = min(
        _stacks(depth, banks),
        key=lambda s: (s[1] * s[0].area_um2 + s[3] * s[2].area_um2, s[1] + s[3]),
    )
    return Composition((deep,) * count + (shallow,) * more)


def _stacks(depth: int, banks: Sequence[Bank]) -> Iterator[tuple[Bank, int, Bank, int]]:
    """Some deep banks, and the rest of the words in shallower ones."""
    for deep in banks:
        most = -(-depth // deep.depth)
        yield deep, most, deep, 0
        for shallow in banks:
            if shallow.depth < deep.depth:
                for count in range(1, most):
                    yield deep, count, shallow, -(-(depth - count * deep.depth) // shallow.depth)


def _cover(width: int, cells: Sequence[Cell]) -> Bank:
    """The smallest set of cells that is wide enough (an unbounded knapsack), widest first."""
    best: list[tuple[float, tuple[Cell, ...]]] = [(0.0, ())]
    for bits in range(1, width + 1):
        best.append(
            min(
                (
                    (best[max(0, bits - cell.width)][0] + cell.area_um2,
                     (*best[max(0, bits - cell.width)][1], cell))
                    for cell in cells
                ),
                key=lambda option: (option[0], len(option[1])),
            )
        )  # fmt: skip
    return Bank(tuple(sorted(best[width][1], key=lambda cell: -cell.width)))
