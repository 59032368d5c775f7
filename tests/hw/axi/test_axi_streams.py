from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hw.axi.counters import COUNTER_BITS, Counters
from hw.axi.gate import Gate, InputRules
from hw.axi.results import Results
from hw.axi.slice import Slice
from hw.interface import Field

# last, 4-bit address, 3-bit level
RULES = InputRules(width=8, last=Field(0, 1), address=Field(1, 4), level=Field(5, 3),
                   addresses=10, levels=5, marks=1)  # fmt: skip
MARK = 1


def event(address, level):
    return address << 1 | level << 5


@pytest.mark.parametrize(("offer", "take"), [(1.0, 1.0), (0.6, 0.6), (1.0, 0.3), (0.3, 1.0)])
def test_a_slice_loses_nothing_and_is_never_in_the_way(clocked, offer, take):
    rng = random.Random(3)
    sent, found, accepted, cycles = list(range(200)), [], [], []
    dut = Slice(8)
    state = {"offered": False, "held": None}

    def cycle(ctx, number):
        state["offered"] = state["offered"] or rng.random() < offer
        valid = len(accepted) < len(sent) and state["offered"]
        before = ctx.get(dut.i.ready), ctx.get(dut.o.valid), ctx.get(dut.o.payload)
        ready = rng.random() < take
        ctx.set(dut.i.valid, valid)
        ctx.set(dut.i.payload, sent[len(accepted)] % 256 if valid else 77)
        ctx.set(dut.o.ready, ready)
        after = ctx.get(dut.i.ready), ctx.get(dut.o.valid), ctx.get(dut.o.payload)
        assert before == after, "an output follows an input of the same cycle"
        if state["held"] is not None:
            assert after[1:] == (1, state["held"])
        state["held"] = after[2] if after[1] and not ready else None
        if after[1] and ready:
            found.append(after[2])
            cycles.append(number)
        if valid and after[0]:
            accepted.append(number)
            state["offered"] = False
        return len(found) < len(sent)

    clocked(dut, cycle, 2000)
    assert found == [value % 256 for value in sent]
    if offer == take == 1.0:
        assert cycles == [at + 1 for at in accepted] == list(range(1, len(sent) + 1))


def passed(clocked, rules, beats, *, drops=(), enable=lambda number: 1, cycles=60, ready=None):
    """Push (item, last) through a gate; returns what passed and what it told by cycle."""
    dut = Gate(rules)
    left, items, told = list(beats), [], []

    def cycle(ctx, number):
        ctx.set(dut.loaded, 1)
        ctx.set(dut.enable, enable(number))
        ctx.set(dut.drop, number in drops)
        ctx.set(dut.o.ready, ready(number) if ready else 1)
        ctx.set(dut.i.valid, bool(left))
        if left:
            ctx.set(dut.i.p.item, left[0][0])
            ctx.set(dut.i.p.last, left[0][1])
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            items.append(ctx.get(dut.o.payload))
        names = ("started", "event", "frame_error", "event_error", "in_image", "draining")
        told.append([name for name in names if ctx.get(getattr(dut, name))])
        if left and ctx.get(dut.i.ready):
            left.pop(0)
        return True

    clocked(dut, cycle, cycles)
    return items, told


def count(told, name):
    return sum(name in names for names in told)


def test_images_of_several_steps_end_with_their_last_mark(clocked):
    rules = replace(RULES, marks=3)
    image = [event(2, 1), MARK, MARK, event(3, 1), MARK]
    beats = [(item, n == 4) for n, item in enumerate(image)] * 2
    items, told = passed(clocked, rules, beats)
    assert items == image * 2
    assert count(told, "started") == 2
    assert count(told, "event") == 4
    assert count(told, "frame_error") == 0
    assert "in_image" not in told[-1]


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_tlast_in_a_wrong_place_is_told_once_or_twice(clocked, wrong):
    image = [event(2, 1), event(3, 1), event(4, 2), event(5, 2), MARK]
    beats = [(item, n == wrong) for n, item in enumerate(image)]
    items, told = passed(clocked, RULES, beats)
    assert items == image
    assert count(told, "frame_error") == 2  # where it is, and where it is missing


@pytest.mark.parametrize("bad", [event(10, 1), event(15, 5), event(9, 6), event(0, 0)])
def test_events_out_of_range_are_dropped_and_told(clocked, bad):
    image = [(event(9, 5), 0), (bad, 0), (event(0, 1), 0), (MARK, 1)]
    items, told = passed(clocked, RULES, image)
    assert items == [event(9, 5), event(0, 1), MARK]
    assert count(told, "event_error") == 1
    assert count(told, "event") == 2


def test_a_drop_amid_a_packet_leaves_out_its_rest(clocked):
    image = [(event(n, 1), 0) for n in range(8)] + [(MARK, 1)]
    items, told = passed(clocked, RULES, image * 2, drops=(4,))
    begun = [event(n, 1) for n in range(4)]  # one cycle passes before the gate is enabled
    assert items == [*begun, *(event(n, 1) for n in range(8)), MARK]
    assert count(told, "draining") == 5
    assert count(told, "started") == 2
    assert count(told, "frame_error") == 0


def test_a_drop_between_packets_leaves_out_nothing(clocked):
    image = [(event(n, 1), 0) for n in range(3)] + [(MARK, 1)]
    items, told = passed(clocked, RULES, image * 2, drops=(4,))
    assert items == [item for item, _ in image * 2]
    assert count(told, "draining") == 0


def test_an_offer_stays_when_the_enable_goes(clocked):
    image = [(event(n, 1), 0) for n in range(3)] + [(MARK, 1)]
    items, _ = passed(
        clocked, RULES, image * 2, enable=lambda number: number < 3, ready=lambda n: n > 9
    )
    assert items == [item for item, _ in image]


def test_a_result_that_is_cut_off_ends_with_an_empty_beat(clocked):
    dut = Results(8, Field(0, 1))
    offered = {0: 0x10, 1: 0x12, 2: 0x14, 10: 0x20, 11: 0x21}
    found = []

    def cycle(ctx, number):
        ctx.set(dut.i.valid, number in offered)
        ctx.set(dut.i.payload, offered.get(number, 0))
        ctx.set(dut.o.ready, number not in (3, 4))
        ctx.set(dut.drop, number in (1, 6, 20))
        if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
            beat = (ctx.get(dut.o.p.item), ctx.get(dut.o.p.last), ctx.get(dut.done))
            found.append((number, *beat))
        return True

    clocked(dut, cycle, 30)
    # What is offered in cycle 2 dies with the layers; nothing was open in cycles 6 and 20.
    assert found == [
        (0, 0x10, 0, 0), (1, 0x12, 0, 0), (2, 0, 1, 0), (10, 0x20, 0, 0), (11, 0x21, 1, 1),
    ]  # fmt: skip


def test_snapshot_and_clear_lose_no_count(clocked):
    dut = Counters({"one": 1, "many": 4})
    rng = random.Random(5)
    given = [(rng.randrange(2), rng.randrange(16)) for _ in range(40)]
    found = []

    def cycle(ctx, number):
        one, many = given[number] if number < 40 else (0, 0)
        ctx.set(dut.step_one, one)
        ctx.set(dut.step_many, many)
        taken = number in (13, 41)
        ctx.set(dut.snapshot, taken)
        ctx.set(dut.clear, taken)
        if number in (14, 42):
            found.append((ctx.get(dut.value_one), ctx.get(dut.value_many)))
        return number < 43

    clocked(dut, cycle, 50)
    parts = given[:13], given[13:]
    assert found == [tuple(map(sum, zip(*part, strict=True))) for part in parts]
    assert len(dut.value_one) == COUNTER_BITS
