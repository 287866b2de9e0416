"""Generated English reviews as examples."""

from pathlib import Path

from peftport.data.generated.tasks import labelled
from peftport.data.reading import Raw, Reading
from peftport.data.settings import DatasetSettings
from peftport.data.splits import draw
from peftport.data.unique import KEEPS, each_once
from peftport.storage.provenance import JsonObject


def read(dataset: DatasetSettings, root: Path, reading: Reading) -> tuple[Raw, JsonObject]:
    """As many different reviews as asked for in each split; more are drawn until repeats are made up for.

    Raises:
        ValueError: the task has too few different reviews in its domains.
    """
    source = dataset.source.generated
    wanted = {"train": source.train, "validation": source.validation, "test": source.test}
    total = drawn = sum(wanted.values())
    pool = each_once({"train": labelled(source, drawn)})[0]
    while len(pool) < total and drawn < 1.5 * total:
        drawn += max(total // 20, total - len(pool))
        pool = each_once({"train": labelled(source, drawn)})[0]
    if len(pool) < total:
        domains = ", ".join(source.domains)
        raise ValueError(f"source.generated: {domains} gave {len(pool)} different reviews; {total} are asked for")
    raw = {}
    for name in reversed(KEEPS):
        part, pool = draw(pool, wanted[name], source.seed, f"generated/{name}")
        names = part["label"].map(lambda word: dataset.labels.get(word, word))
        raw[name] = list(zip(part["text"], names, strict=True))
    return raw, {"kind": "generated", **source.as_json()}
