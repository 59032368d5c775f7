"""Random and mutated packets to a board's gateware: afterwards a known image must classify right.

    python benchmarks/fuzz_board.py --count 10000 --seed 1 --out out/fuzz-board.json

Packets go to three small networks in turn (windowed, latency-coded by steps, graded), or to the one
of ``--network``. A packet is drawn from its number and the seed alone, so a run goes on from where
its record ends. Half of the mutants are made before the CRC is computed, so that it is right. After
each packet the board must be at rest within a limit of cycles, every answer be whole, the first
packet have the status that the protocol says, content be what it was (unless something on the line
was a right LOAD or RESET: then it is loaded again), and an image get its class, score and cycles.
Events that a windowed network took must get what the integer reference says. ``--only N`` repeats
one packet.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from board_packets import drawn, may_change, sound_packet
from board_target import KNOWN, FaultError, Target

from hw.config import MemoryMode, configure
from hw.content import load_bytes
from hw.link.protocol import LOAD_CHUNK, Command, Status, frame
from sim.fuzz.case import random_case
from sim.reference import run_reference
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network
from spikeforge.progress import progress

SEEDS = (28, 113, 27)  # of sim.fuzz: windowed; stepped with levels in chains; stepped and graded
SMALL_CONTENT = 2_000  # bytes; larger content is loaded as a whole more rarely


def unplugged(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """The plug is pulled in the middle of a packet, of a byte, of an answer."""
    wire = frame(sound_packet(chance, target.traffic))
    line = 10 * len(wire) * target.link.bit_cycles
    target.board.send(wire)
    target.board.run(chance.randrange(1, line + 400))
    target.unplug()
    return wire, may_change(wire)


def load_interrupted(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """A load stops: behind some pieces, or within one as the plug is pulled."""
    size = chance.choice([16, 64, LOAD_CHUNK])
    pieces = chance.randrange(min(-(-len(target.content) // size), 8))
    target.load(target.content, pieces, size)
    at = size * pieces
    payload = at.to_bytes(4, "little") + target.content[at : at + size]
    wire = frame(bytes([1, Command.LOAD]) + payload)
    target.board.send(wire)
    target.board.run(chance.randrange(1, 10 * len(wire) * target.link.bit_cycles))
    target.unplug()
    target.fire(b"")
    target.refuses(chance.randrange(KNOWN))
    return wire, True


def load_other(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """Another content of the same architecture: its classes come, then those of the first again."""
    content = load_bytes(target.other, target.config)
    status = target.load(content)
    if status is not Status.OK:
        raise FaultError(f"other content was refused: {status.name}")
    which = chance.randrange(KNOWN)
    trace = run_reference(target.other, target.levels[which : which + 1])
    found = target.classify(target.images[which])
    if (found.winner, found.score) != (trace.classes[0], trace.scores[0]):
        raise FaultError(f"with other content image {which} gets {found}")
    return b"", True


def load_foreign(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """Content for another accelerator is refused, and what was there stays."""
    foreign = bytearray(target.content)
    foreign[chance.randrange(8)] ^= 1 << chance.randrange(8)
    status = target.load(bytes(foreign))
    if status is not Status.WRONG_ARCHITECTURE:
        raise FaultError(f"content for another accelerator got {status.name}")
    return b"", False


def load_damaged(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """Content with a flipped bit is refused."""
    damaged = bytearray(target.content)
    damaged[chance.randrange(8, len(damaged))] ^= 1 << chance.randrange(8)
    status = target.load(bytes(damaged))
    if status is not Status.BAD_CONTENT:
        raise FaultError(f"damaged content got {status.name}")
    target.refuses(chance.randrange(KNOWN))
    return b"", True


def load_out_of_turn(chance: random.Random, target: Target) -> tuple[bytes, bool]:
    """A piece that is not due is refused, with the offset that is; a reset ends a load."""
    size = chance.choice([16, 64, LOAD_CHUNK])
    pieces = chance.randint(1, max(1, min((len(target.content) - 1) // size, 8)))
    target.load(target.content, pieces, size)
    due = min(size * pieces, len(target.content))
    if chance.random() < 0.5:
        target.ask(Command.RESET)
        target.info()
        due = 0
    at = chance.choice([1, size * pieces, size * pieces + 1, len(target.content)])
    if at == due < len(target.content):
        at += 1
    status, found = target.ask(Command.LOAD, at.to_bytes(4, "little") + target.content[-size:])
    if (status, int.from_bytes(found, "little")) != (Status.WRONG_OFFSET, due):
        raise FaultError(f"a piece at {at} instead of {due} got {status.name} {found.hex()}")
    target.refuses(chance.randrange(KNOWN))
    return b"", True


SCENES: dict[str, Callable[[random.Random, Target], tuple[bytes, bool]]] = {
    "unplugged": unplugged, "load_interrupted": load_interrupted, "load_other": load_other,
    "load_foreign": load_foreign, "load_damaged": load_damaged,
    "load_out_of_turn": load_out_of_turn,
}  # fmt: skip


def one(number: int, seed: int, target: Target, counts: dict[str, Counter[str]]) -> str:
    """One packet or scene, and the board's health behind it; returns what is wrong, or nothing."""
    chance = random.Random(f"{seed}:{number}")
    whole = len(target.content) <= SMALL_CONTENT
    name = ""
    if chance.random() < 0.2:
        rare = list(SCENES)[2:5] if whole or chance.random() < 0.05 else []
        name = chance.choice(["unplugged", "load_interrupted", "load_out_of_turn", *rare])
    wire = b""
    try:
        if name:
            wire, excused = SCENES[name](chance, target)
            target.fire(b"")
        else:
            name, wire = drawn(chance, target.traffic)
            excused = may_change(wire)
            answers = target.fire(wire)
            for answer in answers:
                counts["answers"][Status(answer[2]).name] += 1
            target.check_answers(wire, answers)
            counts["events"]["compared"] += target.check_events(wire, answers)
        reloaded = target.recover(number % KNOWN, excused=excused)
        counts["reloads"][name] += reloaded
    except FaultError as fault:
        return f"{name}: {fault}; sent {wire.hex()}"
    finally:
        counts["kinds"][name] += 1
    return ""


def make_targets(network: Path | None, lanes: int | None, seed: int) -> list[Target]:
    """Boards to fire at, each as large as its network."""
    if network is not None:
        loaded = load_network(network)
        return [Target(loaded, configure(loaded, lanes), seed)]
    cases = [random_case(each).network for each in SEEDS]
    return [Target(case, configure(case, 2), seed) for case in cases[:2]] + [
        Target(cases[2], configure(cases[2], 2, MemoryMode.PRELOAD), seed)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="N", help="repeat one packet")
    parser.add_argument("--network", type=Path, metavar="FILE")
    parser.add_argument("--lanes", type=int)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz-board.json"))
    options = parser.parse_args()
    about = {"seed": options.seed, "network": str(options.network or "random")}
    record = json.loads(options.out.read_text()) if options.out.exists() else {}
    if {key: record.get(key) for key in about} != about or options.only is not None:
        record = {**about, "packets": 0, "seconds": 0.0, "cycles": 0, "faults": []}
    counts = {
        key: Counter(record.get(key, {})) for key in ("kinds", "answers", "reloads", "events")
    }
    targets = make_targets(options.network, options.lanes, options.seed)
    first = record["packets"] if options.only is None else options.only
    last = options.count if options.only is None else options.only + 1
    begin, before = time.monotonic(), record["seconds"]
    with progress("Packets to a board", last - first) as bar:
        for number in range(first, last):
            target = targets[number % len(targets)]
            cycles = target.board.cycles
            fault = one(number, options.seed, target, counts)
            record["cycles"] += target.board.cycles - cycles
            if fault:
                record["faults"].append({"number": number, "what": fault})
                print(f"packet {number}: {fault}", flush=True)
                target.board.close()
                target.power_up()
            record["packets"] = number + 1
            bar.advance(1)
            if number + 1 in (last,) or (number + 1) % 200 == 0:
                record["seconds"] = round(before + time.monotonic() - begin, 1)
                record |= {key: dict(sorted(each.items())) for key, each in counts.items()}
                if options.only is None:
                    write_atomically(options.out, json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))
    return int(bool(record["faults"]))


if __name__ == "__main__":
    sys.exit(main())
