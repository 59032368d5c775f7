"""Records what a host does at the outer streams, for tests/sim/data/host.json.

The host is simulated: a program on a serial line. Items come as two bytes each, then as a burst
from its buffer with a pause after every sixteen, then over the line again. Result beats go into a
queue of four that the line empties; during the burst it is a polled port instead. What the host
does hangs on the accelerator (here: ``first spike of spikes``) as a real one's would. Run it as
``python tests/sim/record_host.py``.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import numpy as np

from hw.config import configure
from hw.content import load_bytes
from hw.interface import interface
from sim.build import build_model, prepare_rtl
from sim.host import HostTrace, save_host_trace
from sim.items import pack_items
from sim.model import Model

HERE = Path(__file__).parent
BYTE_CYCLES = 17
BURST = range(60, 220)  # items that come from the host's buffer
QUEUE = 4


def record(model: Model, items: list[int], beats: int) -> HostTrace:
    """Drive a model's ports cycle by cycle; returns what the host did."""
    rng = random.Random(9)
    io, offered, ready = model.io, [], []
    due, line_free, queued, cycle = 0, 0, 0, 0
    valid = taking = False
    while beats:
        sent = len(offered) - valid
        if not valid and sent < len(items) and cycle >= due:
            valid = True
            offered.append(cycle)
            io.events__payload = items[sent]
        io.events__valid = valid
        ready.append(taking)
        bursting = sent in BURST
        willing = rng.random() < 0.2 if bursting else queued < QUEUE
        io.result__ready = willing  # acts in the next cycle
        if taking and io.result__valid:
            beats -= 1
            queued += not bursting
        if queued and cycle >= line_free:
            queued, line_free = queued - 1, cycle + 2 * BYTE_CYCLES
        if valid and io.events__ready:
            valid = False
            slow = 2 * BYTE_CYCLES + rng.randrange(BYTE_CYCLES)
            pause = 12 if sent % 16 == 15 else 1
            due = cycle + (pause if sent + 1 in BURST else slow)
        taking = willing
        model.clock.tick()
        cycle += 1
    return HostTrace(offered=np.array(offered), ready=np.array(ready))


def _everything():
    spec = importlib.util.spec_from_file_location("everything", HERE / "everything.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    network, images, _ = _everything().make("first spike of spikes")
    config = configure(network)
    outside = interface(network, config)
    rtl = prepare_rtl(network, config)
    library = build_model(rtl, network, config, brief=True)
    layout = outside.fields["events__payload"]
    items, _ = pack_items(network.input, layout, images, outside.marks_in)
    with Model(library, outside, rtl.folder) as model:
        model.load(load_bytes(network, config))
        trace = record(model, items.tolist(), len(images) * (outside.outputs + 1))
    save_host_trace(trace, HERE / "data" / "host.json")


if __name__ == "__main__":
    main()
