"""Cycles, efficiency and simulation speed of a network at several numbers of lanes.

    python benchmarks/rtl_speed.py models/mnist-mlp.safetensors --data DIR --out out/rtl_speed.json

Every run covers all test images on the compiled RTL and is compared with the integer reference and
the cycle model, image by image. Speed is that of one model in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from deploy.power import estimate, load_profile
from hw.census import take_inventory
from hw.config import configure
from sim.simulate import simulate
from spikeforge.coding import encode
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network
from train.data import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
    parser.add_argument("--out", type=Path, default=Path("out/rtl_speed.json"))
    parser.add_argument("--lanes", nargs="+", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    network = load_network(options.network)
    dataset = load_dataset(options.data)
    levels = encode(dataset.test_images, network.input)
    rows = []
    for lanes in options.lanes:
        config = configure(network, lanes)
        found = simulate(network, config, levels, workers=options.workers)
        power = estimate(
            take_inventory(network, config), found.activity, load_profile("ihp-sg13g2")
        )
        rows.append(
            {
                "lanes": lanes,
                "accuracy": float((found.classes == dataset.test_labels).mean()),
                "class_mismatches": found.class_mismatches,
                "cycle_mismatches": found.cycle_mismatches,
                "bound": float(found.bound_cycles.mean()),
                "interval": found.interval_mean,
                "latency": float(found.latency_cycles.mean()),
                "efficiency": found.efficiency,
                "cycles_per_second": found.cycles_per_second,
                "images_per_second": found.cycles_per_second / found.interval_mean,
                "build_seconds": found.build_seconds,
                "energy_uj": power.energy_uj,
                "power_mw": power.total_mw,
                "memory_area_mm2": power.memory_area_mm2,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    record = {"network": network.name, "content": network.content_hash, "dataset": dataset.name,
              "images": len(levels), "machine": machine, "runs": rows}  # fmt: skip
    write_atomically(options.out, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
