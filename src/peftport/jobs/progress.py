"""Progress of long work: lines in the log (steps, loss, time left) and, in a terminal, a bar."""

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Called with (step, loss) after every step of one training.

    Args:
        label: what is going on, for example ``lora on raw, seed 0``.
        steps: how many steps there will be.
    """

    def __init__(self, label: str, steps: int) -> None:
        self.label, self.steps, self.began = label, steps, time.monotonic()
        self.last_line = self.began
        terminal = sys.__stderr__
        shown = terminal is not None and terminal.isatty()
        self.bar = tqdm(total=steps, desc=label, file=terminal, leave=False, disable=not shown, mininterval=0.5)

    def __call__(self, step: int, loss: float) -> None:
        """Move the bar; write a line every ten seconds and at the end."""
        self.bar.n = step
        self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self.bar.update(0)
        now = time.monotonic()
        if now - self.last_line >= SECONDS_BETWEEN_LINES or step >= self.steps:
            self.last_line = now
            left = (now - self.began) / max(step, 1) * (self.steps - step)
            print(f"{self.label}: step {step}/{self.steps}, loss {loss:.4f}, {left:.0f} s left", flush=True)
        if step >= self.steps:
            self.bar.close()
