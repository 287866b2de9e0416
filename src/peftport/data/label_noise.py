"""Label noise: labels of training examples exchanged for other ones, exactly as many as asked for."""

import pandas as pd

from peftport.seeds import generator


def exchange_labels(train: pd.DataFrame, words: list[str], share: float, seed: int) -> tuple[pd.DataFrame, int]:
    """The examples, a share of them with another label, drawn uniformly among the others.

    The order of the examples does not matter. Of two shares with one seed, the larger exchanges what the smaller does,
    for the same labels.

    Args:
        train: a table ``examples`` of the training split.
        words: all label words of the dataset.
        share: of the examples, 0 to 1.
        seed: of the draw.

    Returns:
        The examples in their order, and how many have another label: ``round(share * len(train))``.
    """
    by_id = train["example_id"].argsort().to_numpy()
    order = by_id[generator(seed, "label noise", "examples").permutation(len(train))]
    steps = generator(seed, "label noise", "labels").integers(1, len(words), len(train))
    number = round(share * len(train))
    labels = train["label"].to_numpy().copy()
    place = {word: index for index, word in enumerate(words)}
    for row, step in zip(order[:number], steps[:number], strict=True):
        labels[row] = words[(place[labels[row]] + int(step)) % len(words)]
    return train.assign(label=labels), number
