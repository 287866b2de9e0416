"""Names of datasets that the workflow derives from those of the config, for source modules to be trained on.

``film@without-book`` is `film` without the texts of `book`'s test set, ``film@random`` is `film` with its labels
shuffled, and ``film@without-book@random`` is both. Of a mixture the same is done to each of its members. Names in a
config hold no ``@``, so none can clash with these.
"""

_MARK, _RANDOM, _WITHOUT = "@", "random", "without-"


def randomised(dataset: str) -> str:
    """The dataset with its labels shuffled."""
    return f"{dataset}{_MARK}{_RANDOM}"


def without(dataset: str, other: str) -> str:
    """The dataset without the texts that stand in the test set of ``other``."""
    return f"{dataset}{_MARK}{_WITHOUT}{other}"


def of_member(dataset: str, member: str) -> str:
    """What a member of a mixture gives to a dataset derived from the mixture: the member with the same steps.

    Its own test set shares no text with the rest of it, so that step is left out.
    """
    steps = dataset.split(_MARK)[1:]
    return _MARK.join([member, *(step for step in steps if step != f"{_WITHOUT}{member}")])


def root(dataset: str) -> str:
    """The dataset of the config that this one comes from; itself if it is one."""
    return dataset.partition(_MARK)[0]


def parent(dataset: str) -> str | None:
    """The dataset that this one is made from in one step; None for one of the config."""
    return dataset.rpartition(_MARK)[0] or None


def left_out(dataset: str) -> str | None:
    """The dataset whose test set the last step has taken out; None if it did something else."""
    step = dataset.rpartition(_MARK)[2]
    return step.removeprefix(_WITHOUT) if parent(dataset) and step.startswith(_WITHOUT) else None
