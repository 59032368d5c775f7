"""A list of network files: what each says of itself, and what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from deploy.compare.row import Row, describe_network
from deploy.compare.screen import figure_text
from spikeforge.netfile import load_network
from spikeforge.validation import StrictModel

__all__ = ["Listed", "list_networks", "listing_table"]


class Listed(StrictModel):
    """One network file.

    Attributes:
        file: Its path.
        name, rule, shape, weight_bits, steps: As in a comparison.
        accuracy_test: Of the integer network on its test set, 0..1, or None.
        cost: The measured row of the same content, or None.
    """

    file: str
    name: str
    rule: str
    shape: str
    weight_bits: int
    steps: int
    accuracy_test: float | None
    cost: Row | None


def list_networks(files: Sequence[Path], rows: Sequence[Row]) -> list[Listed]:
    """Read network files and find what was measured of them.

    Raises:
        SpikeforgeError: If a file is no network.
    """
    measured = {row.content: row for row in rows}
    found = []
    for file in files:
        network = load_network(file)
        facts = describe_network(network)
        kept = {name: facts[name] for name in Listed.model_fields if name in facts}
        row = measured.get(network.content_hash)
        found.append(Listed(file=str(file), cost=row, **kept))  # type: ignore[arg-type]
    return found


def listing_table(listed: Sequence[Listed]) -> Table:
    """One line a network."""
    table = Table(caption="ms, mW, µJ: estimates of `spikeforge compare`, back to back.",
                  caption_justify="left")  # fmt: skip
    table.add_column("network", no_wrap=True)
    table.add_column("layers", overflow="fold", min_width=9)
    for name in ("test %", "cycles", "ms", "mW", "µJ"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in listed:
        cost = one.cost
        figures = [None] * 4 if cost is None else [
            cost.latency_cycles, cost.latency_ms, cost.power_mw, cost.energy_uj
        ]  # fmt: skip
        table.add_row(
            Path(one.file).stem, one.shape,
            "–" if one.accuracy_test is None else f"{100 * one.accuracy_test:.2f}",
            *(figure_text(value, 4 if at == 0 else 3) for at, value in enumerate(figures)),
        )  # fmt: skip
    return table
