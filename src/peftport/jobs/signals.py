"""Being told to stop: Ctrl-C (SIGINT), SIGTERM, and SIGUSR1, which a cluster sends before a job's time runs out.

A job that can leave a checkpoint notes the signal and ends after its step; any other job ends at once. Either way
no partial file stays, and the next run goes on.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Stopped(SystemExit):
    """The job was told to stop; its exit code is the shell's for the signal (128 + its number)."""

    def __init__(self, number: int, where: str = "") -> None:
        self.number, self.where = number, where
        super().__init__(128 + number)

    def __str__(self) -> str:
        return f"told to stop by {signal.Signals(self.number).name}{self.where}; run snakemake again to go on"


class Stops:
    """Which signal came, if any, and whether the job wants to finish a step before it ends."""

    def __init__(self) -> None:
        self.came: int | None = None
        self.waits = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = number
        if not self.waits:
            raise Stopped(number)

    @contextlib.contextmanager
    def after_a_step(self) -> Iterator[None]:
        """Within the block a signal is only noted; the block asks for ``came`` between steps."""
        self.waits += 1
        try:
            yield
        finally:
            self.waits -= 1
        if self.came is not None:
            raise Stopped(self.came)


STOPS = Stops()


@contextlib.contextmanager
def heeding() -> Iterator[None]:
    """Within the block these signals stop the job in good order. Only in the main thread of a process."""
    before = {number: signal.signal(number, STOPS) for number in SIGNALS}
    STOPS.came = None
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
