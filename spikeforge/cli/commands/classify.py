"""``spikeforge classify``: a user's own pictures."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from spikeforge.cli.common import emit, json_option, lanes_option, network_argument

__all__ = ["command"]


@click.command("classify")
@network_argument
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path),
                metavar="IMAGE.png...")  # fmt: skip
@click.option("--rtl", is_flag=True, help="By the compiled RTL instead of the integer reference.")
@lanes_option
@json_option
def command(
    network: Path, pictures: tuple[Path, ...], rtl: bool, lanes: int | None, as_json: bool
) -> None:  # fmt: skip
    """Classify pictures of digits: any size, dark on light or light on dark.

    \b
    Example:
      spikeforge classify models/mnist-mlp.safetensors seven.png --rtl
    """
    from hw.config import configure
    from sim.reference import run_reference
    from sim.simulate import simulate
    from spikeforge.class_names import class_names
    from spikeforge.coding import encode
    from spikeforge.errors import MismatchError
    from spikeforge.netfile import load_network
    from spikeforge.pictures import load_picture

    loaded = load_network(network)
    config = configure(loaded, lanes)
    read = [load_picture(path, loaded.input.shape) for path in pictures]
    levels = encode(np.stack([pixels for pixels, _ in read]), loaded.input)
    trace = run_reference(loaded, levels)
    classes, message = trace.classes, ""
    if rtl:
        found = simulate(loaded, config, levels, workers=1)
        classes, message = found.classes, found.message
    names = class_names(loaded.metadata.dataset, loaded.readout.classes)
    answers = []
    for path, (_, notes), winner, outputs in zip(
        pictures, read, classes.tolist(), trace.outputs.tolist(), strict=True
    ):
        second = max(value for n, value in enumerate(outputs) if n != winner)
        answers.append(
            {"image": str(path), "class": winner, "name": names[winner], "membranes": outputs,
             "margin": outputs[winner] - second, "notes": notes}
        )  # fmt: skip
    lines = [
        f"{answer['image']}: {answer['name']}  (margin over the next class: {answer['margin']}; "
        f"{', '.join(map(str, answer['notes'])) or 'taken as it is'})"
        for answer in answers
    ]
    how = "rtl" if rtl else "reference"
    emit({"network": {"name": loaded.name}, "by": how, "images": answers}, as_json,
         "\n".join(lines))  # fmt: skip
    if message:
        raise MismatchError(message)
