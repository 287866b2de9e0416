"""Drawing examples, where there are labels with every label's share kept, the same whatever order they come in."""

import pandas as pd

from peftport.seeds import generator


def draw(
    frame: pd.DataFrame, examples: int, seed: int, purpose: str, by_label: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw ``examples`` rows of a table ``examples`` without replacement.

    Args:
        examples: how many; all rows when there are no more than that.
        purpose: what the draw is for, so that two draws with one seed are independent.
        by_label: whether every label keeps its share.

    Returns:
        The rows drawn and the rows left.
    """
    frame = frame.sort_values("example_id", ignore_index=True)
    strata = frame["label"] if by_label else pd.Series("", index=frame.index)
    counts = strata.value_counts().sort_index()
    drawn: list[int] = []
    for label, number in shares(counts, min(examples, len(frame))).items():
        rows = frame.index[strata == label].to_numpy()
        drawn += generator(seed, purpose, str(label)).permutation(rows)[:number].tolist()
    chosen = frame.index.isin(drawn)
    return frame[chosen].reset_index(drop=True), frame[~chosen].reset_index(drop=True)


def shares(counts: pd.Series, examples: int) -> pd.Series:
    """How many of ``examples`` fall to each label: in proportion to ``counts``, by largest remainder.

    A label that would get none although there is room for one each gets one.
    """
    exact = counts * examples / max(int(counts.sum()), 1)
    given = exact.astype(int)
    order = (given - exact).sort_values(kind="stable").index  # largest remainder first, ties by label
    for label in order[: examples - int(given.sum())]:
        given[label] += 1
    if examples >= len(counts):
        for label in given.index[given == 0]:
            given[given.idxmax()] -= 1
            given[label] += 1
    return given
