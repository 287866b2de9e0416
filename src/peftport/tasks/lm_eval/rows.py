"""Documents of a task of lm-evaluation-harness as examples; white space in their texts is part of the prompt."""

import pandas as pd

from peftport.data.reading import Raw
from peftport.data.settings import DatasetSettings
from peftport.data.texts import normal_form
from peftport.data.unique import KEEPS, enough
from peftport.tasks.generation.rows import counts, shuffled

__all__ = ["counts", "reading", "shuffled"]

COLUMNS = ["text", "label", "answers", "example_id"]


class Documents:
    """The reading of a task; its documents come as examples and not as rows of a file."""

    by_label, drops, left_out = False, frozenset(), 0

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each document once, in the split that keeps it; a text that is tested on is not learned."""
        frame = pd.concat([pd.DataFrame(rows, columns=COLUMNS).assign(split=split) for split, rows in raw.items()])
        frame["rank"] = frame["split"].map(KEEPS)
        frame["form"] = frame["text"].map(normal_form)
        first = frame.groupby("form")["rank"].transform("min")
        kept = frame[frame["rank"] == first].sort_values("rank", kind="stable").drop_duplicates("example_id")
        kept = kept.sort_values("example_id", ignore_index=True)
        facts = {"duplicates_dropped": len(frame) - len(kept), "conflicting_dropped": 0}
        return kept[["example_id", "text", "label", "answers", "split"]], facts

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError unless every split has two examples."""
        enough(splits)


def reading(dataset: DatasetSettings) -> Documents:
    """How documents of this dataset become examples."""
    return Documents()
