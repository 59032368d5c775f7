"""The command line: the roof over all stages. Nothing imports it."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of ``spikeforge``: 0 all well, 1 a mismatch, 2 bad input, 130 interrupted."""
    import click

    from spikeforge.cli.app import app
    from spikeforge.errors import MismatchError, SpikeforgeError
    from spikeforge.files import explain_os_error
    from spikeforge.progress import console

    try:
        app.main(prog_name="spikeforge", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, click.Abort):
        console.print("interrupted; what was complete is kept, nothing is half-written")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except SpikeforgeError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        where = error.filename or "while reading or writing"
        said = explain_os_error(where, error)
        console.print(f"error: {said}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except MismatchError as error:
        console.print(f"mismatch: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
