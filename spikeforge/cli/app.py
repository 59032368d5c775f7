"""The group of commands; a command's module is imported only when it is used."""

from __future__ import annotations

import importlib

import click

from spikeforge import __version__
from spikeforge.errors import nearest

__all__ = ["app"]

_COMMANDS = (
    "run", "train", "rtl", "verify", "simulate", "power", "compare", "models", "classify",
    "inspect", "report", "bitstream", "asic", "host", "board", "doctor",
)  # fmt: skip


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"spikeforge.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            raise click.UsageError(
                f"no command {args[0]!r}{nearest(args[0], _COMMANDS)}; "
                f"there are {', '.join(_COMMANDS)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spikeforge")
def app() -> None:
    """Spiking networks from PyTorch to proven RTL, with mW, ms and µJ per image.

    \b
    Example: train, prove and measure the flagship in one go:
      spikeforge run --recipe mnist-mlp --data path/to/mnist
    """
