"""What must go together in a dataset of generated texts: a label word for each value, and texts enough."""

from peftport.data.generated.settings import GeneratedReviews
from peftport.data.generated.tasks import most_facts
from peftport.data.settings import DatasetSettings
from peftport.registry import did_you_mean


def generated_complaint(name: str, dataset: DatasetSettings) -> tuple[str, str] | None:
    """The key of the config and what is wrong with generated texts; None if nothing is, so far.

    Whether there are enough different texts is counted for single facts only; the job that makes them sees the rest.

    Args:
        name: of the dataset.
        dataset: with ``source.generated``.
    """
    source, labels = dataset.source.generated, dataset.labels
    values = source.values
    if labels is None:
        return f"datasets.{name}.source", f"generated reviews have labels, and no `{dataset.kind}`."
    if set(labels) == set(values):
        return _facts_complaint(name, source)
    missing = [value for value in values if value not in labels]
    other = next((label for label in labels if label not in values), None)
    first, got = (", ".join(f"`{one}`" for one in entries) for entries in (values[:-1], labels))
    said = f"expected a word for each of {first} and `{values[-1]}`, the values of generated data, got {got}."
    return f"datasets.{name}.labels", said + ("" if other is None else did_you_mean(other, missing))


def _facts_complaint(name: str, source: GeneratedReviews) -> tuple[str, str] | None:
    """What is wrong where half of the texts are facts of one sentence, and more are asked for than there are."""
    total = source.train + source.validation + source.test
    if source.task != "subjectivity" or source.sentences not in (None, 1):
        return None
    if total <= (most := 2 * most_facts(source.domain)):
        return None
    return f"datasets.{name}.source.generated", (
        f"expected at most {most:,} examples in all splits together, as `{source.domain}` has {most // 2:,} different "
        f"facts of one sentence, got {total:,}. `sentences: 2` gives more."
    )
