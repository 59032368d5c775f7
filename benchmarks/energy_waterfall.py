"""Energy of one network at gate level, one option switched on after the other, as a waterfall.

The baseline is how such accelerators are usually built, for the same network file: membranes in a
memory, read and written back for every event; 16 lanes, no clock gating, macros of up to 2048 words
(memories that are small anyway come from 256-word ones always). It goes event by event through the
whole layer; the schedule by steps belongs to other network files. --then adds bars for other
networks (fewer bits, fewer events, zero rows) on the last hardware. Prints a table, and
draws it with --svg.

Example:
    python benchmarks/energy_waterfall.py models/mnist-tiny.safetensors --liberty DIR --data DIR
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.table import Table

from deploy.power.gate.estimate import gate_estimate
from deploy.power.gate.kit import load_kit
from deploy.power.gate.technology import technology_named
from hw.config import HardwareConfig, configure
from hw.frugal import FRUGAL
from spikeforge.cli.common import test_images
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network
from spikeforge.network import Network
from spikeforge.progress import console

WIDTH, ROW, LEFT = 820, 34, 300


@dataclass(frozen=True)
class Step:
    """One bar: what was switched on, and the energy with it in nJ an image."""

    name: str
    energy_nj: float
    kinds_nj: dict[str, float]
    cycles: float


def steps(network: Network) -> list[tuple[str, HardwareConfig, bool]]:
    """Names, hardware, and whether registers get clock gates of their own."""
    widest = configure(network).lanes
    kit = technology_named("ihp-sg13g2").memories
    few, many = min(16, widest), min(64, widest)

    def hardware(lanes: int, bank_words: int, gated: bool, **options: bool) -> HardwareConfig:
        return configure(
            network, lanes, technology=kit, clock_gating=gated, bank_words=bank_words,
            skip_zero_rows=False, **options,
        )  # fmt: skip

    return [
        (f"baseline: membranes in memory, {few} lanes, no clock gating, 2048-word banks",
         hardware(few, 2048, False, state_in_memory=True), False),
        ("membranes in registers", hardware(few, 2048, False), False),
        (f"{many} lanes", hardware(many, 2048, False), False),
        ("clock gates for layers", hardware(many, 2048, True), False),
        ("clock gates for registers", hardware(many, 2048, True), True),
        ("512-word banks", hardware(many, 512, True), True),
        ("256-word banks", hardware(many, 256, True), True),
        ("rows added as read", hardware(many, 256, True, row_register=False), True),
        ("lanes of weight 0 rest",
         hardware(many, 256, True, row_register=False, lane_gating=True), True),
        ("two events a replay word", hardware(many, 256, True, **FRUGAL), True),
    ]  # fmt: skip


def last_step(network: Network) -> HardwareConfig:
    """Frugal hardware; zero rows are skipped where that saves a quarter of them."""
    kit = technology_named("ihp-sg13g2").memories
    return configure(network, technology=kit, clock_gating=True, bank_words=256, **FRUGAL)


def measure(
    path: Path, then: list[Path], liberty: Path, data: Path | None, images: int
) -> list[Step]:
    """Run every step at gate level, then the other networks."""
    network = load_network(path)
    kit = load_kit(technology_named("ihp-sg13g2"), liberty)
    plan = [(name, network, config, gated) for name, config, gated in steps(network)]
    for other in map(load_network, then):
        known = other.metadata.accuracy_quantized
        name = other.name if known is None else f"{other.name}, {100 * known:.2f} %"
        plan.append((name, other, last_step(other), True))
    found = []
    for name, loaded, config, registers in plan:
        levels = test_images(loaded, data, images).levels
        report = gate_estimate(loaded, config, kit, levels, register_gating=registers).report
        kinds = {kind: pj * 1e-3 for kind, pj in report.by_kind().items()}
        found.append(Step(name, report.dynamic_uj * 1e3, kinds, report.interval_cycles))
        console.print(f"{name}: {found[-1].energy_nj:.1f} nJ")
    return found


def svg(title: str, found: list[Step]) -> str:
    """Bars from each step's energy to the next one's."""
    most = max(step.energy_nj for step in found)
    scale = (WIDTH - LEFT - 90) / most
    height = 60 + ROW * len(found)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<text x="12" y="26" font-size="15">{escape(title)}</text>',
    ]
    before = 0.0
    for number, step in enumerate(found):
        y = 46 + number * ROW
        low, high = sorted((before, step.energy_nj))
        colour = "#4477aa" if number == 0 else "#228833" if step.energy_nj <= before else "#cc6677"
        lines += [
            f'<text x="12" y="{y + 17}">{escape(step.name.split(":")[0])}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{step.energy_nj * scale:.1f}" height="24" '
            'fill="#dddddd"/>',
            f'<rect x="{LEFT + low * scale:.1f}" y="{y}" width="{(high - low) * scale:.1f}" '
            f'height="24" fill="{colour}"/>',
            f'<text x="{LEFT + max(high, step.energy_nj) * scale + 6:.1f}" y="{y + 17}">'
            f"{step.energy_nj:.1f} nJ</text>",
        ]
        before = step.energy_nj
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("--liberty", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=20, metavar="N")
    parser.add_argument("--then", type=Path, nargs="*", default=[], metavar="FILE",
                        help="other networks, on the last hardware")  # fmt: skip
    parser.add_argument("--svg", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = measure(options.network, options.then, options.liberty, options.data, options.images)
    table = Table(title=f"{options.network.stem}: dynamic energy, nJ an image (gate level)")
    for name in ("step", "cycles", *found[0].kinds_nj, "sum", "of the baseline"):
        table.add_column(name)
    for step in found:
        values = (f"{step.kinds_nj[kind]:.1f}" for kind in found[0].kinds_nj)
        share = step.energy_nj / found[0].energy_nj
        table.add_row(
            step.name, f"{step.cycles:.0f}", *values, f"{step.energy_nj:.1f}", f"{share:.2f}"
        )
    console.print(table)
    if options.json:
        write_atomically(options.json, json.dumps([vars(step) for step in found], indent=1))
    if options.svg:
        title = f"{options.network.stem}, SG13G2 1.2 V, gate level: dynamic energy of an image"
        write_atomically(options.svg, svg(title, found))


if __name__ == "__main__":
    main()
