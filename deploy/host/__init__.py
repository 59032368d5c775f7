"""A host at a board's serial line: images in, classes out, content, and what is on the board."""

from deploy.host.client import BoardClient
from deploy.host.records import BoardInfo, Counters, RefusedError, Result
from deploy.host.transport import Line, SerialLine

__all__ = [
    "BoardClient", "BoardInfo", "Counters", "Line", "RefusedError", "Result",
    "SerialLine",
]  # fmt: skip
