"""Reading of texts with the completions that are to be written; rows with the same text are one example."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from peftport.data.accepted import accept_text, shown
from peftport.data.reading import Fields, Raw
from peftport.data.settings import Columns, DatasetSettings
from peftport.data.texts import example_id, normal_form
from peftport.data.unique import KEEPS, as_frame, enough

COMPLETION = "completion"


class Completions:
    """The reading of a dataset of generation.

    Args:
        longest: tokens that a completion may have with its end; no text has fewer tokens than words.
        drops: kinds of faulty rows that are left out.
    """

    by_label = False

    def __init__(self, longest: int, drops: Iterable[str] = ()) -> None:
        self.drops, self.left_out = frozenset(drops), 0
        self.longest = longest

    def columns(self, named: Columns) -> dict[str, str]:
        """The text and its completion."""
        return {"text": named.text, COMPLETION: named.completion or COMPLETION}

    def accept(self, where: str, fields: Fields) -> tuple[str, str, list[str]]:
        """One row as (tidy text, a right completion, all of the row's).

        Raises:
            ValueError: a completion is empty, or longer than the host may write.
        """
        text, raw = accept_text(where, fields["text"]), fields[COMPLETION]
        if isinstance(raw, list) and not raw:
            raise ValueError(f"{where}: expected a completion or several, found {shown(raw)}")
        several = raw if isinstance(raw, list) else [raw]
        completions = list(dict.fromkeys(accept_text(where, one, COMPLETION) for one in several))
        for completion in completions:
            if (words := len(completion.split())) >= self.longest:
                raise ValueError(
                    f"{where}: the completion has {words:,} words and its end, and generation.max_new_tokens allows "
                    f"{self.longest:,} tokens"
                )
        return text, completions[0], completions

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each text once with all of its completions, in alphabetical order, from the split that keeps it."""
        frame = as_frame(raw)
        frame["form"] = frame["text"].map(normal_form)
        frame["rank"] = frame["split"].map(KEEPS)
        kept = frame[frame["rank"] == frame.groupby("form")["rank"].transform("min")].sort_values("text", kind="stable")
        merged = kept.groupby("form", sort=False).agg(
            text=("text", "first"),
            split=("split", "first"),
            answers=("answers", lambda own: sorted({text for texts in own for text in texts})),
        )
        merged = merged.assign(example_id=merged["text"].map(example_id), label=merged["answers"].str[0])
        merged = merged.sort_values("example_id", ignore_index=True)
        repeated = int(frame["answers"].str.len().sum() - merged["answers"].str.len().sum())
        facts = {"duplicates_dropped": repeated, "conflicting_dropped": 0}
        return merged[["example_id", "text", "label", "answers", "split"]], facts

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError unless every split has two examples."""
        enough(splits)


def reading(dataset: DatasetSettings) -> Completions:
    """How rows of this dataset become examples.

    Raises:
        ValueError: it is no dataset of generation.
    """
    if dataset.generation is None:
        raise ValueError(f"a dataset of the kind `{dataset.kind}` has no completions")
    return Completions(dataset.generation.max_new_tokens, dataset.drop)


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Examples of a split."""
    return {"examples": len(frame)}


def shuffled(frame: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """The completions dealt out anew among the texts."""
    return frame.assign(**{name: frame[name].to_numpy()[order] for name in ("label", "answers")})
