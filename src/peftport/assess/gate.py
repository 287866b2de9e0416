"""Whether an adapter may go on into the new host: limits held against intervals."""

from dataclasses import dataclass

from peftport.assess.flips import Flips
from peftport.statistics.sample_size import MOST_EXAMPLES

PASSED, FAILED, CANNOT_TELL = "passed", "failed", "cannot tell"
EXIT = {PASSED: 0, FAILED: 1, CANNOT_TELL: 3}


@dataclass(frozen=True)
class Limit:
    """A largest value that is allowed.

    Attributes:
        quantity: `drop` or `flips`.
        most: the largest value.
    """

    quantity: str
    most: float

    def ends(self, seen: Flips) -> tuple[float, float]:
        """The interval that the limit is held against."""
        return seen.drop_ends if self.quantity == "drop" else seen.share_ends

    def verdict(self, seen: Flips) -> str:
        """Passed if the whole interval keeps the limit, failed if the whole interval is above it."""
        low, high = self.ends(seen)
        if high <= self.most:
            return PASSED
        return FAILED if low > self.most else CANNOT_TELL

    def examples_needed(self, seen: Flips) -> int | None:
        """Test examples with which it could be told, were the shares as here; None where no reasonable number would."""
        factor = 2
        while seen.total * factor <= max(MOST_EXAMPLES, seen.total):
            if self.verdict(seen.times(factor)) != CANNOT_TELL:
                return seen.total * factor
            factor *= 2
        return None


def together(verdicts: list[str]) -> str:
    """The verdict of several limits: failed if one is, cannot tell if one cannot be told, else passed."""
    return next((verdict for verdict in (FAILED, CANNOT_TELL) if verdict in verdicts), PASSED)
