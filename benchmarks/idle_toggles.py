"""What toggles in an idle accelerator, against one at work, with and without clock gating.

    python benchmarks/idle_toggles.py models/mnist-tiny.safetensors --data DIR

Counted are outputs and clock pins of all registers and clock pins of memories, a cycle, on real
images back to back and then for as many cycles without any. The clock pins of the gating cells
themselves are listed apart: whoever stops the clock above them saves those too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from hw.config import configure
from sim.toggles import count_toggles
from spikeforge.coding import encode
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network
from train.data import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
    parser.add_argument("--out", type=Path, default=Path("out/idle_toggles.json"))
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--images", type=int, default=20)
    options = parser.parse_args()
    network = load_network(options.network)
    dataset = load_dataset(options.data)
    levels = encode(dataset.test_images[: options.images], network.input)
    rows = []
    for gated in (True, False):
        config = configure(network, options.lanes, clock_gating=gated)
        with tempfile.TemporaryDirectory(prefix="spikeforge-toggles-") as name:
            busy, idle = count_toggles(network, config, levels, Path(name))
        share = idle.total / busy.total
        rows.append({"clock_gating": gated, "busy": asdict(busy), "idle": asdict(idle),
                     "idle_share": share})  # fmt: skip
        print(f"{'gated' if gated else 'plain'}: {busy.total:.1f} toggles a cycle at work, "
              f"{idle.total:.1f} idle: {100 * share:.2f} %")  # fmt: skip
    found = {"network": network.name, "lanes": options.lanes, "images": len(levels), "rows": rows}
    write_atomically(options.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
