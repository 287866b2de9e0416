"""What share of a module's gain is left between a host and the same one in other coordinates, beside the theory."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from peftport.statistics.example_scores import KEY, ExampleScores
from peftport.statistics.recovered_gap import recovered_gap
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES

PORTED = "ported"


def survival(
    runs: pd.DataFrame,
    predictions: pd.DataFrame,
    changes: Sequence[JsonObject] = (),
    touched: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """One row per technique x transfer between a host and its version x dataset: `ported` before any training there.

    Both hosts compute the same, so the ceiling is what the module scores in the host that it was trained in: the
    reference `native` of the source host, which a study has with `references: [bare, source]`. A module that is tested
    on another dataset than its own has no row, for these are not its scores.

    Args:
        runs: table `runs`.
        predictions: one row per run and test example, with the columns of the cell.
        changes: of each such transfer ``source_host``, ``target_host``, ``map``, and ``coordinates``, what is changed
            (``stream``, ``heads``, ``units``) to how.
        touched: technique to which of these its tensors touch; one that is not there has no theory.

    Returns:
        Table `survival`.
    """
    answers, rows = ExampleScores(predictions), []
    between = {tuple(change[name] for name in ("source_host", "target_host", "map")): change for change in changes}
    same = runs["source_dataset"] == runs["target_dataset"]
    cells = runs[(runs["initialisation"] == PORTED) & (runs["budget_steps"] == 0) & same]
    cells = cells.dropna(subset="score").groupby(["study", *KEY], sort=False, observed=True)
    for (study, *key), cell in cells:
        named = dict(zip(KEY, key, strict=True))
        change = between.get((named["source_host"], named["target_host"], named["map"]))
        if change is None:
            continue
        known = (touched or {}).get(named["technique"])
        hits = None if known is None else [part for part in change["coordinates"] if part in known]
        rows.append(
            {"study": study}
            | {name: named[name] for name in KEY if name not in ("initialisation", "budget_steps")}
            | {
                "coordinates": ", ".join(f"{part}: {how}" for part, how in change["coordinates"].items()),
                "touched": None if hits is None else ", ".join(hits),
                "copy_survives": None if hits is None else not hits,
                "seeds": cell["seed"].nunique(),
                "accuracy_mean": cell["score"].mean(),
                "metric": cell["metric"].iloc[0],
            }
            | _share(answers, tuple(key))
        )
    return pd.DataFrame(rows, columns=list(TABLES["survival"]))


def _share(answers: ExampleScores, key: tuple) -> dict[str, float]:
    """The score of the source host's own modules, and the share of their gain that is left, with its interval.

    NaN where references are missing; the share also where the gain is small.
    """
    technique, source_host, target_host, _, _, dataset, *_ = key
    bare, whole = answers.bare(target_host, dataset), answers.native(technique, source_host, dataset)
    found = recovered_gap(answers.need(key), bare, whole) if bare and whole else None
    share = (found.share, found.low, found.high) if found else (np.nan,) * 3
    at_home = whole.values.mean(dtype=float) if whole else np.nan
    return {"source_accuracy": at_home} | dict(zip(("survived", "low", "high"), share, strict=True))
