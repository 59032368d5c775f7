"""The report's key ``detail``: what plots and the exactness table need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.reference import Trace, event_order
from spikeforge.cli.common import Images
from spikeforge.cli.training import TorchLink
from spikeforge.network import Conv2d, Dense, Network
from spikeforge.traffic import network_schedule

if TYPE_CHECKING:
    from deploy.power import PowerReport
    from hw.config import HardwareConfig
    from sim.simulate import Simulation
    from sim.verify import Verification

__all__ = ["detail_section"]

_DIGITS = 4
_BINS = 40


def detail_section(
    network: Network, config: HardwareConfig, images: Images, torch: TorchLink,
    verification: Verification, simulation: Simulation, estimate: PowerReport,
    process: str, seconds: dict[str, float],
) -> dict[str, object]:  # fmt: skip
    """Assemble the key from the results of all stages."""
    classes = network.readout.classes
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (images.labels, simulation.classes), 1)
    counts, edges = np.histogram(simulation.latency_cycles, bins=_BINS)
    return {
        "confusion": confusion.tolist(),
        "history": network.metadata.history or None,
        "latency_cycles": {"edges": edges.tolist(), "counts": counts.tolist()},
        "bound_cycles_mean": float(simulation.bound_cycles.mean()),
        "rasters": _rasters(network, config, images, simulation),
        "links": _links(torch, verification, simulation),
        "assumptions": list(estimate.notes),
        "unknown": list(estimate.unknown),
        "operating": {
            "process": process,
            "voltage_v": estimate.voltage_v,
            "temperature_c": estimate.temperature_c,
            "timing_checked": False,
        },
        "lanes": config.lanes,
        "schedule": network_schedule(network).value,
        "load": config.memory.value,
        "seconds": seconds,
    }


def _links(
    torch: TorchLink, verification: Verification, simulation: Simulation
) -> list[dict[str, object]]:
    images = len(simulation.classes)
    stalled = [item for item in verification.outcomes if item.stalled]
    steady = [item for item in verification.outcomes if not item.stalled]
    rows = [
        ("torch = integer reference", "classes, all spike times, output membranes",
         torch.images, torch.mismatches),
        ("integer reference = RTL (cocotb)", "every event of every layer, membranes, class",
         steady[0].images, steady[0].event_mismatches + steady[0].class_mismatches),
        ("integer reference = RTL under random stalls (cocotb)",
         "every event of every layer, membranes, class",
         stalled[0].images, stalled[0].event_mismatches + stalled[0].class_mismatches),
        ("cycle model = RTL (cocotb)", "first event and class, to the cycle",
         steady[0].images, steady[0].cycle_mismatches),
        ("integer reference = RTL (compiled)", "class, output membranes",
         images, simulation.class_mismatches),
        ("cycle model = RTL (compiled)", "first event and class, to the cycle",
         images, simulation.cycle_mismatches),
    ]  # fmt: skip
    return [
        {"link": link, "what": what, "images": count, "mismatches": wrong}
        for link, what, count, wrong in rows
    ]


def _grey(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> list[list[int]]:
    """Rows of grey levels: the mean over an image's channels."""
    rows: list[list[int]] = pixels.reshape(shape).mean(axis=0).astype(np.uint8).tolist()
    return rows


def _rasters(
    network: Network, config: HardwareConfig, images: Images, simulation: Simulation
) -> list[dict[str, object]]:
    """The first images of different classes, with the spikes of every layer."""
    chosen: dict[int, int] = {}
    for number, label in enumerate(images.labels.tolist()):
        chosen.setdefault(label, number)
    found = []
    for number in sorted(chosen.values())[:_DIGITS]:
        trace = simulation.trace
        found.append(
            {
                "label": int(images.labels[number]),
                "predicted": int(simulation.classes[number]),
                "image": _grey(images.pixels[number], network.input.shape),
                "membranes": trace.outputs[number].tolist(),
                "layers": _spikes(network, config, trace, number),
            }
        )
    return found


def _spikes(
    network: Network, config: HardwareConfig, trace: Trace, number: int
) -> list[dict[str, object]]:
    """Spikes of one image by layer, as (neuron, k): a spike at step ``steps - k``."""
    stages = []
    if trace.inputs.ndim == 2:  # ready-made spikes have no picture
        levels = trace.inputs[number].astype(np.int64)
        stages.append(("input", levels, network.input.steps))
    for layer, part in zip(network.layers, trace.layers, strict=True):
        if not isinstance(layer, Dense | Conv2d):
            continue
        if part.levels is not None:
            stages.append((layer.name, part.levels[number], layer.neuron.steps))
        elif part.spikes is not None and layer.neuron.fires:
            stages.append((layer.name, part.spikes[number].astype(np.int64), layer.neuron.steps))
    return [
        {"name": name, "size": values.shape[-1], "steps": steps,
         "events": _events(values, config.lanes, steps)}
        for name, values, steps in stages
    ]  # fmt: skip


def _events(values: NDArray[np.int64], lanes: int, steps: int) -> list[list[int]]:
    if values.ndim == 1:
        return [[int(n), int(values[n])] for n in event_order(values, lanes, steps)]
    times, neurons = np.nonzero(values)
    return [[int(n), steps - int(t)] for t, n in zip(times, neurons, strict=True)]
