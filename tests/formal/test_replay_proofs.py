"""The replay buffer gives every image to every group, whole and in order, and never sticks."""

from __future__ import annotations

import pytest
from amaranth import Const, Mux, Signal

from hw.geometry import WindowedGeometry
from hw.pairs import PairedRam
from hw.replay import Replay

MOST = 2  # events of an image
WAITING = 3  # images at most between the input and the end of their last pass


def _replay(groups, event_pairs=False):
    layer = WindowedGeometry(
        name="layer", sources=("input",), fan_in=MOST, width=groups, lanes=1, steps_in=1, steps=1,
        weight_bits=2, membrane_bits=4, threshold_bits=1, threshold_per_neuron=False, bias_bits=0,
        event_pairs=event_pairs,
    )  # fmt: skip
    return Replay(layer)


def _claims(proof, replay, groups):
    """Any item of any image is followed: it leaves in its place, in each of the passes."""
    m, i, o = proof.m, replay.i, replay.o
    take, give = i.valid & i.ready, o.valid & o.ready
    proof.source(i)
    proof.sink(o)
    place, out_place = Signal(range(MOST + 1)), Signal(range(MOST + 2))
    turn, waiting = Signal(range(groups)), Signal(range(WAITING + 1))
    proof.assume(~i.valid | (place != MOST) | i.p.last)
    proof.assume(~i.valid | (i.p.level != i.p.last))  # 1 in an event, 0 in a mark
    proof.assume(~i.valid | ~i.p.last | (i.p.address == 0))
    over = give & o.p.last & (turn == groups - 1)
    with m.If(take):
        m.d.sync += place.eq(Mux(i.p.last, 0, place + 1))
    with m.If(give):
        m.d.sync += out_place.eq(Mux(o.p.last, 0, out_place + 1))
        with m.If(o.p.last):
            m.d.sync += turn.eq(Mux(turn == groups - 1, 0, turn + 1))
    m.d.sync += waiting.eq(waiting + (take & i.p.last) - over)
    proof.claim(~((waiting == WAITING) & take & i.p.last & ~over))
    # What leaves has come in.
    proof.claim(~o.valid | (waiting != 0) | ((out_place < place) & (turn == 0)))
    pick, picked, gone = Signal(), Signal(), Signal()
    ahead, its_place = Signal.like(waiting), Signal.like(place)
    kept = Signal.like(i.p.as_value())
    proof.free(pick)
    with m.If(take & pick & ~picked):
        m.d.sync += [picked.eq(1), its_place.eq(place), kept.eq(i.p.as_value()),
                     ahead.eq(waiting - over)]  # fmt: skip
    with m.Elif(over):
        m.d.sync += [ahead.eq(ahead - 1), gone.eq(picked & (gone | (ahead == 0)))]
    due = picked & ~gone & (ahead == 0) & o.valid & (out_place == its_place)
    proof.claim(~due | (o.p.as_value() == kept))
    for number in range(groups):
        proof.cover(due & (turn == number) & o.p.last)
    proof.within((waiting != 0) & ~o.valid, 3, "silent")
    proof.within((waiting == 0) & i.valid & ~i.ready, 1, "shut")


@pytest.mark.parametrize("event_pairs", [False, True])
def test_every_group_gets_every_image_whole(harness, event_pairs):
    replay = _replay(2, event_pairs)
    proof = harness(replay)
    _claims(proof, replay, 2)
    assert proof.prove_always().holds


def test_a_ring_that_does_not_hold_an_image_is_found(harness, monkeypatch):
    monkeypatch.setattr(WindowedGeometry, "buffer_depth", property(lambda layer: MOST))
    replay = _replay(2)
    proof = harness(replay)
    _claims(proof, replay, 2)
    assert not proof.prove_always().holds


def test_a_pair_that_is_kept_beyond_its_pass_is_found(harness, monkeypatch):
    """Without the jump the second event of another word would leave."""
    whole = PairedRam.elaborate

    def forgetful(part, platform):
        part.jump = Const(0)
        return whole(part, platform)

    monkeypatch.setattr(PairedRam, "elaborate", forgetful)
    replay = _replay(2, event_pairs=True)
    proof = harness(replay)
    _claims(proof, replay, 2)
    assert not proof.prove_always().holds
