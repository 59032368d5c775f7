"""How cycles, memory, logic and tool time grow with the size of a network and with its lanes.

    python benchmarks/scaling.py --out out/scaling.json

Random windowed dense networks with 4-bit weights (no training: sizes alone matter here). Each is
generated, counted and compiled, and runs random images on its RTL, which must equal the integer
reference and the cycle model.
"""

from __future__ import annotations

import argparse
import json
import resource
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

from hw.census import take_inventory
from hw.config import configure
from hw.verilog import generate_verilog
from sim.simulate import simulate
from spikeforge.bounds import signed_bits, unsigned_bits, windowed_range
from spikeforge.files import write_atomically
from spikeforge.network import Dense, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec

STEPS = 15
BITS = 4
SIZES = (
    (784, 400, 10),
    (784, 800, 10),
    (784, 1600, 10),
    (784, 400, 400, 10),
    (784, 400, 400, 400, 400, 10),
    (784, 1024, 1024, 10),
    (784, 1024, 1024, 256, 10),
    (3072, 1024, 1024, 256, 10),
)


def random_network(sizes: tuple[int, ...], seed: int, share: float = 0.2) -> Network:
    """A network whose hidden neurons fire for about a share of random images."""
    rng = np.random.default_rng(seed)
    events = np.where(rng.random((50, sizes[0])) < 0.2, rng.integers(1, STEPS + 1, sizes[0]), 0)
    layers, tensors = [], {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        name = f"layer{number}"
        weight = rng.integers(-8, 8, (outputs, inputs)).astype(np.int8)
        low, high = windowed_range(weight, None, BITS, STEPS)
        fires = number < len(sizes) - 2
        membranes = events @ weight.T.astype(np.int64)
        theta = max(1, int(np.quantile(membranes, 1 - share)) // 4)
        neuron = NeuronSpec(
            schedule="windowed", steps=STEPS, membrane_bits=signed_bits(low, high), fires=fires,
            threshold_bits=unsigned_bits(theta) if fires else 0,
            threshold_shape="falling" if fires else "constant",
        )  # fmt: skip
        layers.append(
            Dense(name=name, inputs=inputs, outputs=outputs, weight_bits=BITS, neuron=neuron)
        )
        tensors[f"{name}.weight"] = weight
        if fires:
            tensors[f"{name}.threshold"] = np.array([theta])
            events = np.clip(membranes // theta, 0, STEPS)
    return Network(
        name="-".join(map(str, sizes)),
        input=InputSpec(coding="ttfs_levels", shape=(1, 1, sizes[0]), steps=STEPS),
        layers=tuple(layers), tensors=tensors,
        readout=Readout(kind="max_membrane", classes=sizes[-1]),
    )  # fmt: skip


def measure(sizes: tuple[int, ...], lanes: int, images: int, seed: int) -> dict[str, object]:
    """One row: generate, count, compile, run."""
    network = random_network(sizes, seed)
    config = configure(network, lanes)
    begun = perf_counter()
    verilog = generate_verilog(network, config)
    generated = perf_counter()
    inventory = take_inventory(network, config)
    rng = np.random.default_rng(seed + 1)
    spikes = rng.random((images, sizes[0])) < 0.2
    inputs = np.where(spikes, rng.integers(1, STEPS + 1, spikes.shape), 0).astype(np.uint8)
    found = simulate(network, config, inputs, workers=1)
    return {
        "network": network.name,
        "weights": sum(a * b for a, b in pairwise(sizes)),
        "lanes": lanes,
        "elaborate_seconds": generated - begun,
        "verilog_bytes": len(verilog),
        "build_seconds": found.build_seconds,
        "cycles_per_second": found.cycles_per_second,
        "flip_flops": sum(block.flip_flops for block in inventory.blocks),
        "memory_bits": sum(part.width_bits * part.depth for part in inventory.memories),
        "bound_cycles": float(found.bound_cycles.mean()),
        "interval_cycles": found.interval_mean,
        "latency_cycles": float(found.latency_cycles.mean()),
        "mismatches": found.class_mismatches + found.cycle_mismatches,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/scaling.json"))
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for sizes, lanes in [
        *((sizes, 64) for sizes in SIZES),
        *(((784, 400, 10), lanes) for lanes in (8, 16, 32, 128, 256)),
    ]:
        rows.append(measure(sizes, lanes, options.images, options.seed))
        print(json.dumps(rows[-1]), flush=True)
        write_atomically(options.out, json.dumps({"seed": options.seed, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
