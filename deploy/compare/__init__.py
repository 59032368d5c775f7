"""Networks compared: accuracy beside cycles, power and energy, on the same accelerator."""

from deploy.compare.page import render_comparison
from deploy.compare.row import Comparison, Row, load_comparison, measured_row
from deploy.compare.screen import comparison_table, terminal_plot

__all__ = [
    "Comparison", "Row", "comparison_table", "load_comparison", "measured_row",
    "render_comparison", "terminal_plot",
]  # fmt: skip
