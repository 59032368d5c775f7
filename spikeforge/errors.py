"""The errors that a user can mend, kept apart from defects of the program."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["MismatchError", "SpikeforgeError", "nearest"]


class SpikeforgeError(Exception):
    """Bad input or a missing tool: one line that says what, the value, what is allowed, what to do.

    The command line prints the message and ends with exit status 2.
    """


class MismatchError(Exception):
    """Two models that must be equal are not; the message names the first difference.

    The command line prints the message and ends with exit status 1.
    """


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest allowed word, or an empty string."""
    match = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""
