"""How far one path of a residual block may be ahead of the other.

Where a stream is forked, both paths get each step together, so each join holds a whole step of
either path and no fork waits for its own other half. A layer with more steps than its source goes
on by itself after the source's last mark; until the fork has served the other path too, its path
is ahead by these steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from hw.node import INPUT

__all__ = ["marks_ahead"]


def marks_ahead(join: str, sources: Mapping[str, tuple[str, ...]], steps: Mapping[str, int]) -> int:
    """Steps of events that each source of a join must be able to leave waiting.

    Args:
        join: Name of the join.
        sources: What every node up to the join reads.
        steps: Own steps of every node and of the input.
    """
    paths = [_reached(name, sources) for name in sources[join]]
    forks = [
        name for name in paths[0] & paths[1] if _readers(name, join, sources, paths[0] | paths[1])
    ]
    # A merge may need the other path's mark too before it moves on, hence one step more.
    extra = max((steps[sources[join][0]] - steps[name] for name in forks), default=0)
    return 1 + extra


def _reached(name: str, sources: Mapping[str, tuple[str, ...]]) -> set[str]:
    """A node and all that it comes from."""
    found = {name}
    if name != INPUT:
        for source in sources[name]:
            found |= _reached(source, sources)
    return found


def _readers(
    name: str, join: str, sources: Mapping[str, tuple[str, ...]], on_paths: set[str]
) -> bool:
    """Whether a node's stream is forked on the way to the join."""
    readers = [reader for reader, names in sources.items() for one in names if one == name
               and (reader in on_paths or reader == join)]  # fmt: skip
    return len(readers) > 1
