"""A first floorplan: macros in rows from the top edge down, cells below them.

A start to be mended by eye: rows are filled in the order of the macros' height, wires are not
looked at. Signal pins of these macros are at their lower edge, toward the channel below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.asic.macros import footprint

__all__ = ["CELL_SHARE", "CHANNEL_UM", "Floorplan", "plan_floor"]

CELL_SHARE = 0.4
"""Share of the area for cells that they fill before clock tree, buffers and wires."""
CHANNEL_UM = 40.0
"""Between macros, and around the core."""
_SITE_UM = (0.48, 3.78)


@dataclass(frozen=True)
class Floorplan:
    """A die and where macros lie on it, all in um from its lower left corner.

    Attributes:
        width_um, height_um: Of the die.
        places: Lower left corner of each macro, upright, by the path of its instance.
    """

    width_um: float
    height_um: float
    places: dict[str, tuple[float, float]]


def plan_floor(macros: Mapping[str, str], cell_um2: float) -> Floorplan:
    """Place macros, and leave room for cells.

    Args:
        macros: Module of each macro by the path of its instance, at least one.
        cell_um2: Estimated area of all cells.
    """
    sizes = {path: footprint(name) for path, name in macros.items()}
    spread = sum(
        (size.width_um + CHANNEL_UM) * (size.height_um + CHANNEL_UM) for size in sizes.values()
    )
    cells = cell_um2 / CELL_SHARE
    widest = max(size.width_um for size in sizes.values())
    inner = max(widest, math.sqrt(spread + cells))
    order = sorted(sizes, key=lambda path: (-sizes[path].height_um, path))
    corners, depth = _rows([(sizes[p].width_um, sizes[p].height_um) for p in order], inner)
    width = _up(inner + 2 * CHANNEL_UM, 0)
    height = _up(depth + cells / inner + 2 * CHANNEL_UM, 1)
    places = {
        path: (
            _down(CHANNEL_UM + x, 0),
            _down(height - CHANNEL_UM - y - sizes[path].height_um, 1),
        )
        for path, (x, y) in zip(order, corners, strict=True)
    }
    return Floorplan(width, height, dict(sorted(places.items())))


def _rows(
    sizes: list[tuple[float, float]], width: float
) -> tuple[list[tuple[float, float]], float]:
    """Upper left corners, y downwards, and the height of all rows with the channel below."""
    corners = []
    x = y = tallest = 0.0
    for wide, high in sizes:
        if x and x + wide > width:
            x, y, tallest = 0.0, y + tallest + CHANNEL_UM, 0.0
        corners.append((x, y))
        x, tallest = x + wide + CHANNEL_UM, max(tallest, high)
    return corners, y + tallest + CHANNEL_UM


def _up(length: float, axis: int) -> float:
    return round(math.ceil(length / _SITE_UM[axis]) * _SITE_UM[axis], 2)


def _down(length: float, axis: int) -> float:
    return round(math.floor(length / _SITE_UM[axis]) * _SITE_UM[axis], 2)
