"""All distances of one transfer as rows of the table ``distances``: the stage ``measure_distances``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from peftport.distances.activations import activation_distances
from peftport.distances.modules import module_distances
from peftport.distances.weights import weight_distances
from peftport.maps.ends import end_of
from peftport.storage.modules import read_module
from peftport.storage.names import seed_folders
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES
from peftport.study.entries import ANY, NONE


def measure_distances(
    study: str,
    hosts: tuple[str, str],
    cards: tuple[str | Path, str | Path],
    modules: Sequence[tuple[str, JsonObject]],
    texts: Mapping[str, str],
) -> pd.DataFrame:
    """The distances of one source and target host, of the modules that move, and on the texts of datasets.

    Args:
        hosts: names of the source and the target host.
        cards: their cards' files.
        modules: folders of blocks of source modules, each with its ``technique``, ``dataset`` and ``seeds``.
        texts: target dataset to its table ``examples`` of the training split.

    Returns:
        Table ``distances``.
    """
    source, target = (end_of(card) for card in cards)
    of_hosts = {"technique": NONE, "source_dataset": ANY, "target_dataset": ANY, "seed": None}
    rows = [of_hosts | found._asdict() for found in weight_distances(source, target)]
    for dataset, file in texts.items():
        read = of_hosts | {"target_dataset": dataset}
        rows += [read | found._asdict() for found in activation_distances(source, target, file)]
    tensors = {}
    for folder, named in modules:
        for seed, path in seed_folders(folder, named["seeds"]).items():
            module = read_module(path)
            if module.failed_at_step is None:
                tensors[named["technique"], named["dataset"], seed] = module.tensors
    for (technique, dataset, seed), found in module_distances(source, target, tensors).items():
        whose = {"technique": technique, "source_dataset": dataset, "target_dataset": ANY, "seed": seed}
        rows += [whose | one._asdict() for one in found]
    frame = pd.DataFrame(rows, columns=[*of_hosts, "measure", "site_kind", "value", "chance"])
    return frame.assign(study=study, source_host=hosts[0], target_host=hosts[1])[list(TABLES["distances"])]
