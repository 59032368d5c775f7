"""Compares what leaves every layer with what the reference says must leave it, in order."""

from __future__ import annotations

from collections.abc import Callable

from hw.interface import Field
from sim.job import Job, Outcome

__all__ = ["Scoreboard"]

_PROGRESS_EVERY = 5


class Scoreboard:
    """Counts agreements and differences; knows nothing of the simulator.

    Attributes:
        progress: Called with the number of finished images, now and then.
    """

    def __init__(self, job: Job):
        self._job = job
        self.progress: Callable[[int], object] = lambda images: None
        self._sent: list[int] = []  # cycle of each image's first item
        self._new_image = True
        self._seen = dict.fromkeys(job.taps, 0)
        self._results = 0
        self._finished: list[int] = []  # cycle of each image's class
        self._event_mismatches = 0
        self._class_mismatches = 0
        self._message = ""
        self._result_fields = job.fields["result__payload"]
        self._mark = job.fields["events__payload"]["last"]
        self._marks_sent = 0
        self._marks_seen = dict.fromkeys(job.taps, 0)

    @property
    def finished(self) -> bool:
        """All results are there."""
        return len(self._finished) == self._job.images

    def sent(self, payload: int, cycle: int) -> None:
        """An input item was accepted."""
        if self._new_image:
            self._sent.append(cycle)
        self._marks_sent += self._mark.take(payload)
        ended = bool(self._mark.take(payload)) and self._marks_sent % self._job.marks_in == 0
        self._new_image = ended

    def tapped(self, layer: str, value: int) -> None:
        """The state of a layer's output stream in a cycle."""
        fields = self._job.fields[f"tap_{layer}"]
        if not (fields["valid"].take(value) and fields["ready"].take(value)):
            return
        got = value >> fields["event.last"].shift << fields["event.last"].shift
        wanted = self._job.taps[layer]
        number = self._seen[layer]
        self._seen[layer] += 1
        expected = wanted[number] if number < len(wanted) else None
        if got != expected:
            self._event_mismatches += 1
            image, step = divmod(self._marks_seen[layer], self._job.marks[layer])
            where = f"layer {layer}, image {image}"
            where += f", step {step}" if layer not in self._job.windows else ""
            self._note(f"{where}: the RTL sends {self._event(layer, got)}, "
                       f"the reference {self._event(layer, expected)}")  # fmt: skip
        if expected is not None:
            self._marks_seen[layer] += fields["event.last"].take(expected)

    def answered(self, payload: int, cycle: int) -> None:
        """A beat of the result stream was taken."""
        beats = self._job.results
        wanted = beats[self._results] if self._results < len(beats) else None
        self._results += 1
        image = len(self._finished)
        is_class = bool(self._result_fields["last"].take(payload))
        if payload != wanted:
            if is_class:
                self._class_mismatches += 1
            else:
                self._event_mismatches += 1
            self._note(f"image {image}, result: the RTL says {self._result(payload)}, "
                       f"the reference {self._result(wanted)}")  # fmt: skip
        if is_class:
            self._finished.append(cycle)
            if len(self._finished) % _PROGRESS_EVERY == 0:
                self.progress(len(self._finished))

    def outcome(self, name: str, *, stalled: bool) -> Outcome:
        """Sum up after the last result."""
        job = self._job
        for layer, count in self._seen.items():
            missing = len(job.taps[layer]) - count
            if missing > 0:
                self._event_mismatches += missing
                self._note(f"layer {layer}: {missing} events of the reference never came")
        cycles = self._cycle_mismatches(stalled)
        return Outcome(
            name=name, images=len(self._finished), events=sum(self._seen.values()),
            event_mismatches=self._event_mismatches, class_mismatches=self._class_mismatches,
            cycle_mismatches=cycles, stalled=stalled, message=self._message,
        )  # fmt: skip

    def _cycle_mismatches(self, stalled: bool) -> int:
        wrong = 0
        for image, want in enumerate(zip(self._job.first, self._job.result, strict=True)):
            if image >= min(len(self._sent), len(self._finished)):
                wrong += 1
                self._note(f"image {image}: its class does not follow its first event")
                continue
            shift = self._sent[0] - self._job.first[0]
            have = (self._sent[image] - shift, self._finished[image] - shift)
            if have[1] < want[1] if stalled else have != want:
                wrong += 1
                self._note(f"image {image}: first event and class come in cycles {have}, "
                           f"the cycle model says {want}")  # fmt: skip
        return wrong

    def hang(self, cycle: int) -> str:
        """What to say when nothing moves any more."""
        return f"nothing moves after image {len(self._finished)}, cycle {cycle}: the RTL hangs"

    def _note(self, message: str) -> None:
        self._message = self._message or message

    def _event(self, layer: str, value: int | None) -> str:
        if value is None:
            return "nothing more"
        fields: dict[str, Field] = self._job.fields[f"tap_{layer}"]
        windowed = layer in self._job.windows
        if fields["event.last"].take(value):
            return "the end of the image" if windowed else "the end of the step"
        level, address = fields["event.level"].take(value), fields["event.address"].take(value)
        if not windowed:
            return f"neuron {address} (level {level})"
        return f"neuron {address} at step {self._job.windows[layer] - level} (k = {level})"

    def _result(self, value: int | None) -> str:
        if value is None:
            return "nothing more"
        fields = self._result_fields
        index, membrane = fields["index"].take(value), fields["membrane"].take(value)
        what = "class" if fields["last"].take(value) else "neuron"
        return f"{what} {index} with membrane {membrane}"
