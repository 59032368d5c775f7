"""A scatter layer with own spikes: what it counts, and which blocks they reach."""

from __future__ import annotations

import numpy as np
import pytest

from hw.config import configure
from hw.content import load_bytes
from hw.interface import interface
from hw.probe import PROBE_FIELDS
from sim.build import build_model, prepare_rtl
from sim.equality import check
from sim.fuzz.run import fuzz_case
from sim.model import Model, Stalls
from sim.reference import run_reference, stepped_input

SEED = 42  # one dense layer: recurrent, a threshold a neuron, more steps than its input


@pytest.fixture(scope="module")
def case():
    return fuzz_case(SEED)


@pytest.fixture(scope="module")
def counts(case):
    network, config = case.network, case.hardware.config
    rtl, outside = prepare_rtl(network, config), interface(network, config)
    library = build_model(rtl, network, config, brief=True)
    with Model(library, outside, rtl.folder) as model:
        model.load(load_bytes(network, config))
        *_, batch = model.run(case.inputs, record=True)
    return dict(zip(PROBE_FIELDS, batch.counts[0].tolist(), strict=True))


def test_every_kind_of_work_is_counted(case, counts):
    layer = interface(case.network, case.hardware.config).layers[0]
    spikes = run_reference(case.network, case.inputs).layers[0].spikes
    arriving = int(np.count_nonzero(stepped_input(case.network.input, case.inputs)))
    own = int(np.count_nonzero(spikes[:, :-1]))  # those of the last step go nowhere
    steps = len(case.inputs) * layer.steps
    assert own > 5
    assert arriving > 20
    assert layer.block_rows > 1
    assert counts == {
        "buffer_write": own, "buffer_read": own, "row_read": (arriving + own) * layer.blocks,
        "row_added": (arriving + own) * layer.blocks, "handover": steps,
        "compared": steps * layer.rows, "bias_read": 0, "threshold_read": steps * layer.rows,
    }  # fmt: skip


def test_own_spikes_reach_every_block_where_zero_rows_are_skipped(case):
    config = configure(case.network, 2, skip_zero_rows=True)
    layer = interface(case.network, config).layers[0]
    assert (layer.blocks, layer.recurrent_bits > 0) == (3, True)
    assert check(case.network, config, case.inputs, Stalls(seed=3)).differences == ()
