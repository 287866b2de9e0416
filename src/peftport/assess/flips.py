"""Answers before and after, on the same test examples: of the old host with the module and the new host with it; on a
dataset that is only tested, of a host alone and with the module."""

from dataclasses import dataclass

import pandas as pd

from peftport.statistics.proportions import difference_interval, share_interval


@dataclass(frozen=True)
class Flips:
    """Numbers of test examples by whether they were right before and are right after.

    Attributes:
        lost: right before and wrong after.
        gained: wrong before and right after.
        right: right in both.
        wrong: wrong in both.
    """

    lost: int
    gained: int
    right: int
    wrong: int

    @property
    def total(self) -> int:
        """All test examples."""
        return self.lost + self.gained + self.right + self.wrong

    @property
    def before(self) -> float:
        """Accuracy before."""
        return (self.lost + self.right) / self.total

    @property
    def after(self) -> float:
        """Accuracy after."""
        return (self.gained + self.right) / self.total

    @property
    def share(self) -> float:
        """Of all test examples, those that are lost."""
        return self.lost / self.total

    @property
    def gained_share(self) -> float:
        """Of all test examples, those that are gained."""
        return self.gained / self.total

    @property
    def drop(self) -> float:
        """Accuracy before less accuracy after."""
        return (self.lost - self.gained) / self.total

    @property
    def share_ends(self) -> tuple[float, float]:
        """The 95% interval of the share lost."""
        return share_interval(self.lost, self.total)

    @property
    def gained_ends(self) -> tuple[float, float]:
        """The 95% interval of the share gained."""
        return share_interval(self.gained, self.total)

    @property
    def drop_ends(self) -> tuple[float, float]:
        """The 95% interval of the drop."""
        return difference_interval(self.lost, self.gained, self.total)

    @property
    def told(self) -> float:
        """The smallest drop that so many examples can tell from none, if as many answers change as here."""
        changed = (self.lost + self.gained) / 2
        return max(difference_interval(int(changed), int(changed), self.total))

    def times(self, factor: int) -> "Flips":
        """What would be seen with so many times the examples, were the shares the same."""
        return Flips(self.lost * factor, self.gained * factor, self.right * factor, self.wrong * factor)


def flips(before: pd.DataFrame, after: pd.DataFrame) -> Flips:
    """Count them.

    Args:
        before, after: rows of table `predictions` of one seed and budget each.

    Raises:
        ValueError: the two were not tested on the same examples.
    """
    both = before[["example_id", "correct"]].merge(after[["example_id", "correct"]], on="example_id", validate="1:1")
    if not len(both) == len(before) == len(after) > 0:
        raise ValueError(
            f"expected answers to the same test examples, got {len(before)} and {len(after)}, {len(both)} alike"
        )
    was, is_ = both["correct_x"].astype(bool), both["correct_y"].astype(bool)
    return Flips(int((was & ~is_).sum()), int((~was & is_).sum()), int((was & is_).sum()), int((~was & ~is_).sum()))
