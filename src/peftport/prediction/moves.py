"""The moves of studies that have run: the recovered gap of each, and how far its hosts are apart.

A *move* is a technique copied from host to host and from dataset to dataset, tested before any training there, its
seeds together. Moves between the same two hosts share whatever is special about them, so the unit of every statistic is
the *pair of hosts*, told by the digests of their weights: a pair of two studies is one pair.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from peftport.distances.measures import ALL, MEASURES
from peftport.storage.cards import read_card
from peftport.storage.names import COPY
from peftport.storage.parquet import read_table
from peftport.study.derived_datasets import root
from peftport.typology.read import read_typology

PROPERTIES = tuple(read_typology().properties)
HOSTS = ["source_host", "target_host"]
DATASETS = ["source_dataset", "target_dataset"]
TECHNIQUE = ["technique"]


class NoMoves(ValueError):
    """What is given holds no move that anything could be predicted of; the message says what is missing."""


def read_moves(folders: Sequence[Path]) -> pd.DataFrame:
    """One row per move of all studies whose recovered gap is known.

    Args:
        folders: of results, ``results/<study>`` each.

    Returns:
        ``study``, ``pair`` (of hosts, one name for one pair whatever the studies call it), hosts, datasets,
        ``technique``, ``method``, the nine properties, ``gap`` (recovered, 0 for the bare target host, 1 for its own
        modules), and each of ``MEASURES`` on the scale of ``above_chance``; null where it is not there.

    Raises:
        NoMoves: a folder has no table of distances, or none of them a move with a known gap.
        DamagedFile: a table is not what was written.
    """
    moves = pd.concat([_of_study(folder) for folder in folders], ignore_index=True)
    if moves.empty:
        raise NoMoves(
            "none of these studies has a copied module tested without training (initialisation `ported`, budget 0) "
            "whose recovered gap is known (references `bare` and `native`, a gap of at least 3 points)"
        )
    return moves


def above_chance(value: pd.Series, chance: pd.Series) -> pd.Series:
    """Values on a scale on which chance is 0 and all is 1; as they are where no chance is known."""
    return ((value - chance) / (1 - chance)).where(chance.notna(), value)


def host_measures(distances: pd.DataFrame) -> dict[str, float]:
    """Measure to its value for two hosts, from rows of the table ``distances`` that are about one pair."""
    rows = distances[(distances["site_kind"] == ALL) & (distances["technique"] == "none")]
    rows = rows.assign(scaled=above_chance(rows["value"], rows["chance"]))
    return {str(name): float(value) for name, value in rows.groupby("measure")["scaled"].mean().items()}


def _of_study(folder: Path) -> pd.DataFrame:
    tables = {}
    for name in ("portability", "distances", "techniques"):
        file = folder / "tables" / f"{name}.parquet"
        if not file.is_file():
            raise NoMoves(f"{folder}: expected {file.relative_to(folder)}, there is none; run the study to its end")
        tables[name] = read_table(file, name)
    rows = tables["portability"]
    copied = (rows["initialisation"] == "ported") & (rows["budget_steps"] == 0) & (rows["map"] == COPY)
    rows = rows[copied & rows["recovered_gap"].notna()].rename(columns={"recovered_gap": "gap"})
    rows = rows[["study", *TECHNIQUE, *HOSTS, *DATASETS, "gap"]]
    described = tables["techniques"][[*TECHNIQUE, "target_host", "method", *PROPERTIES]]
    rows = rows.merge(described, on=[*TECHNIQUE, "target_host"], how="left")
    rows = rows.assign(pair=_pairs(folder, rows[HOSTS].itertuples(index=False)))
    return _with_measures(rows, tables["distances"])


def _with_measures(rows: pd.DataFrame, distances: pd.DataFrame) -> pd.DataFrame:
    found = distances[distances["site_kind"] == ALL]
    found = found.assign(
        scaled=above_chance(found["value"], found["chance"]), source_dataset=found["source_dataset"].map(root)
    )
    for name, measure in MEASURES.items():
        keys = HOSTS + (["technique", "source_dataset"] if measure.of_module else [])
        keys += ["target_dataset"] if name == "cka" else []
        values = found[found["measure"] == name].groupby(keys, as_index=False)["scaled"].mean()
        rows = rows.merge(values.rename(columns={"scaled": name}), on=keys, how="left")
    return rows


def _pairs(folder: Path, hosts: Iterable[tuple[str, str]]) -> list[str]:
    digests: dict[str, str] = {}
    names = []
    for pair in hosts:
        for host in pair:
            if host not in digests:
                digests[host] = read_card(folder / "hosts" / host / "host.json")["weights_sha256"][:12]
        names.append("--".join(sorted(digests[host] for host in pair)))
    return names
