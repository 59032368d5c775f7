"""The seed paper's two figures, beside ours, and what the comparison is worth."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.report.facts import conditions, estimate_label
from deploy.report.schema import Report
from deploy.report.words import figure

__all__ = ["PAPER_URL", "PaperRow", "paper_rows", "paper_text"]

# Abstract of arXiv 2003.11837 (STDBP): total power and time per MNIST image.
PAPER_POWER_MW = 0.751
PAPER_LATENCY_MS = 47.71
PAPER_URL = "https://arxiv.org/abs/2003.11837"


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One quantity: the paper's value, ours (None: not measured), and notes on both."""

    name: str
    unit: str
    paper: float
    ours: float | None
    paper_note: str
    ours_note: str

    @property
    def paper_text(self) -> str:
        """The paper's value with its unit."""
        return f"{self.paper:.4g} {self.unit}"

    @property
    def ours_text(self) -> str:
        """Our value with its unit, or ``not measured``."""
        return figure(self.ours) + (f" {self.unit}" if self.ours is not None else "")


def paper_rows(report: Report) -> list[PaperRow]:
    """Power, time and energy per image, theirs and ours."""
    label = estimate_label(report)
    paper_energy = round(PAPER_POWER_MW * PAPER_LATENCY_MS, 1)
    return [
        PaperRow(name="Power", unit="mW", paper=PAPER_POWER_MW, ours=report.power_mw.total,
                 paper_note="as stated", ours_note=f"{label}, images back to back"),
        PaperRow(name="Time per image", unit="ms", paper=PAPER_LATENCY_MS,
                 ours=report.latency_ms.mean, paper_note="as stated",
                 ours_note="latency: simulated cycles / clock"),
        PaperRow(name="Energy per image", unit="µJ", paper=paper_energy,
                 ours=report.energy_uj, paper_note="derived: power times time",
                 ours_note=f"{label}, images back to back"),
    ]  # fmt: skip


def paper_text(report: Report) -> str:
    """What the two sets of figures share and what they do not."""
    ours = (
        f"ours are an {estimate_label(report)} ({conditions(report)}), with the time counted in "
        "RTL simulation"
        if report.energy_uj is not None
        else "ours were not estimated in this run"
    )
    name = report.dataset.name
    image = "one MNIST image" if name == "MNIST" else f"one image, theirs of MNIST, ours of {name},"
    return (
        f"What they share: {image} through a spiking network. What they do not share: in theirs a "
        "neuron spikes at most once and the time of the spike is the message; theirs belong to an "
        "ASIC design whose process, clock and network are not given in what we could read; "
        f"{ours}. Neither is measured on silicon, and networks and accuracies differ. So the "
        "figures show an order of magnitude; their ratio is not a proof."
    )
