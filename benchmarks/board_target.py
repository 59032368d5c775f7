"""A simulated board under fire, and what must hold about it whatever was sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from board_packets import Traffic, expected

from deploy.host.records import BoardInfo, Result
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.link.gateware import LinkConfig
from hw.link.protocol import ANSWER, CRC_BYTES, END, LOAD_CHUNK, Command, Status, frame, unframe
from sim.board import BoardModel, build_board
from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.network import Network
from spikeforge.shapes import wire_order

LINK = LinkConfig(clock_khz=4_000, baud=1_000_000, flash=True)
LIMIT_CYCLES = 2_000_000
KNOWN = 8


class FaultError(Exception):
    """What the board did and must not do."""


class Target:
    """A board under fire, with what it must answer to known images.

    Args:
        network: Its network.
        config: Its hardware.
        seed: Of the images.
    """

    def __init__(self, network: Network, config: HardwareConfig, seed: int):
        self.network, self.config = network, config
        self.link = replace(LINK, flash=not config.memory.initialized)
        self.content = load_bytes(network, config)
        turned = {
            name: np.ascontiguousarray(each[..., ::-1]) if name.endswith("weight") else each
            for name, each in network.tensors.items()
        }
        self.other = replace(network, tensors=turned)  # the same bounds, other weights
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (KNOWN, *network.input.shape)).astype(np.uint8)
        pixels[0], pixels[1] = 0, 255
        pixels[2:5] *= rng.random((3, *network.input.shape)) < 0.2
        self.levels = encode(pixels, network.input)
        self.windowed = network.layers[0].neuron.schedule == "windowed"
        self.order = wire_order(network.input.shape)
        self.images = [bytes(image[self.order]) for image in pixels.reshape(KNOWN, -1)]
        self.library = build_board(network, config, self.link)
        self.cycles_run = 0
        self.power_up()
        self.right = self._expected(network)
        info = self.info()
        self.traffic = Traffic(
            self.images, self.content, info.inputs, info.levels, info.marks, info.entries
        )

    def power_up(self) -> None:
        """A fresh board."""
        self.board = BoardModel(self.library, self.content if self.link.flash else None)
        self.number = 0

    def _expected(self, network: Network) -> list[Result]:
        """Class and score by the reference; cycles as they are measured now."""
        trace = run_reference(network, self.levels)
        measured = [self.classify(image) for image in self.images]
        pairs = zip(trace.classes.tolist(), trace.scores.tolist(), strict=True)
        for number, (pair, found) in enumerate(zip(pairs, measured, strict=True)):
            if pair != (found.winner, found.score):
                raise FaultError(f"image {number}: {found}, not {pair}, before anything was sent")
        return measured

    def settle(self) -> list[bytes]:
        """Run until nothing moves. Returns whole answers.

        Raises:
            FaultError: If the board does not come to rest, or an answer is damaged.
        """
        heard, begin = b"", self.board.cycles
        while True:
            self.board.run()
            heard += self.board.take()
            if self.board.idle:
                break
            if self.board.cycles - begin > LIMIT_CYCLES:
                raise FaultError(f"the board hangs: not at rest after {LIMIT_CYCLES} cycles")
        answers = [unframe(part) for part in heard.split(bytes([END])) if part]
        for answer in answers:
            if answer is None or len(answer) < 3 or answer[2] not in list(Status):
                raise FaultError(f"an answer is damaged: {heard.hex()}")
        return [answer for answer in answers if answer is not None]

    def unplug(self) -> None:
        """Pull the plug, and wait until the board has done with the byte that was cut."""
        self.board.unplug()
        begin = self.board.cycles
        while self.board.cycles - begin < 12 * self.link.bit_cycles:
            self.board.run()

    def fire(self, wire: bytes) -> list[bytes]:
        """Send anything, then end what may be half a packet; returns the answers."""
        self.board.send(wire)
        answers = self.settle()
        self.board.send(bytes([END]))
        return answers + self.settle()

    def ask(self, command: Command, payload: bytes = b"") -> tuple[Status, bytes]:
        """One sound packet; waits while the flash memory is being read."""
        begin = self.board.cycles
        while True:
            self.number = (self.number + 1) % 256
            self.board.send(frame(bytes([self.number, command]) + payload))
            answers = self.settle()
            if len(answers) != 1 or answers[0][:2] != bytes([self.number, command | ANSWER]):
                raise FaultError(f"{command.name} got {[each.hex() for each in answers]}")
            status = Status(answers[0][2])
            if status is not Status.BUSY:
                return status, answers[0][3:]
            if self.board.cycles - begin > LIMIT_CYCLES + 64 * len(self.content):
                raise FaultError("the board hangs: it reads its flash memory for ever")

    def info(self) -> BoardInfo:
        """What the board says it is, once its flash memory has been read."""
        for _ in range(100_000):
            info = BoardInfo.unpack(self.ask(Command.INFO)[1])
            if not info.flash_busy:
                return info
        raise FaultError("the board hangs: it reads its flash memory for ever")

    def classify(self, image: bytes) -> Result:
        """An image's class.

        Raises:
            FaultError: If it is refused.
        """
        status, found = self.ask(Command.CLASSIFY, image)
        if status is not Status.OK:
            raise FaultError(f"a known image was refused: {status.name}")
        return Result.unpack(found)

    def load(self, content: bytes, pieces: int | None = None, size: int = LOAD_CHUNK) -> Status:
        """Load content, or the first pieces of it; returns the last status."""
        status = Status.OK
        for at in range(0, len(content), size)[:pieces]:
            piece = content[at : at + size]
            status, _ = self.ask(Command.LOAD, at.to_bytes(4, "little") + piece)
            if status is not Status.OK:
                break
        return status

    def check_answers(self, wire: bytes, answers: list[bytes]) -> None:
        """The first packet's answer must be the right one; others may be lost, but not made up.

        Raises:
            FaultError: If one is not.
        """
        parts = [part for part in wire.split(bytes([END])) if part]
        if not parts and not answers:
            return
        if not 1 <= len(answers) <= len(parts):
            raise FaultError(f"{len(answers)} answers to {len(parts)} packets")
        first, status = unframe(parts[0]), Status(answers[0][2])
        if status is not expected(parts[0], self.traffic):
            raise FaultError(f"{status.name}, not {expected(parts[0], self.traffic).name}")
        right = [unframe(part) for part in parts]
        heads = [
            packet[:1] + bytes([packet[1] | ANSWER]) for packet in right if packet and packet[1:]
        ]
        for answer in answers:
            if answer[2] != Status.BAD_FRAME and answer[:2] not in heads:
                raise FaultError(f"{answer.hex()} answers nothing that was sent")
        if status is not Status.BAD_FRAME and first and answers[0][:1] != first[:1]:
            raise FaultError(f"{answers[0].hex()} answers another packet than the first")

    def refuses(self, which: int) -> None:
        """Without content an image must be refused.

        Raises:
            FaultError: If it is not.
        """
        if not self.info().loaded:
            status, _ = self.ask(Command.CLASSIFY, self.images[which])
            if status is not Status.NOT_LOADED:
                raise FaultError(f"without content an image got {status.name}")

    def check_events(self, wire: bytes, answers: list[bytes]) -> bool:
        """Compare what events got, whoever made them up, where they can be given as an image.

        Raises:
            FaultError: If the class or its score is another one than the reference's.
        """
        packets = [unframe(part) for part in wire.split(bytes([END])) if part]
        if len(packets) != 1 or len(answers) != 1 or not self.windowed or not packets[0]:
            return False
        (packet,), (answer,) = packets, answers
        if packet[1:2] != bytes([Command.EVENTS]) or answer[2] != Status.OK:
            return False
        levels = np.zeros((1, self.network.input.size), np.uint8)
        for at in range(2, len(packet) - 3, 3):
            levels[0, self.order[int.from_bytes(packet[at : at + 2], "little")]] = packet[at + 2]
        trace = run_reference(self.network, levels)
        found = Result.unpack(answer[3:])
        if (found.winner, found.score) != (trace.classes[0], trace.scores[0]):
            raise FaultError(f"events {packet.hex()} got {found}")
        return True

    def recover(self, which: int, *, excused: bool) -> bool:
        """See that the board is well; load its content again where that had to go.

        Returns:
            Whether it was loaded again.

        Raises:
            FaultError: If content went without need, or the image gets another answer.
        """
        info = self.info()
        crc = int.from_bytes(self.content[-CRC_BYTES:], "little")
        whole = info.loaded and info.content_crc == crc
        if not whole:
            if not excused:
                raise FaultError(f"content went: loaded {info.loaded}, CRC {info.content_crc:08x}")
            status = self.load(self.content)
            if status is not Status.OK:
                raise FaultError(f"the content was refused: {status.name}")
        found = self.classify(self.images[which])
        if found != self.right[which]:
            raise FaultError(f"image {which}: {found}, not {self.right[which]}")
        return not whole
