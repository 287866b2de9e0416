"""Techniques: what each is, adds, takes, and how portable, stable and quick to learn it is in a target host."""

import numpy as np
import pandas as pd

from peftport.storage.tables import TABLES
from peftport.typology.read import Typology, read_typology

FALL = 0.95  # share of the loss's whole fall at which a training counts as converged
HERE = ["technique", "target_host"]
MEASURED = ("workspace", "parameter_sharing")  # of the study's own settings, not of the file's defaults


def techniques(
    methods: dict[str, str],
    costs: list[pd.DataFrame],
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    portability: pd.DataFrame,
) -> pd.DataFrame:
    """One row per technique x target host.

    Args:
        methods: the PEFT method of each technique.
        costs: table `costs` of every target host.
        curves: loss curves of trainings from scratch in target hosts: `technique`, `target_host`, `target_dataset` and
            the columns of table `curve`.
        runs: table `runs`.
        portability: table `portability`.

    Returns:
        Table `techniques`.
    """
    table = pd.concat(costs, ignore_index=True)
    table = table.assign(study=runs["study"].iloc[0], method=table["technique"].map(methods))
    table["parameter_sharing"] = [
        sharing(row.shared_parameters, row.parameters) for row in table.itertuples(index=False)
    ]
    described = _described(read_typology())
    table = table.join(described.drop(columns=list(MEASURED)), on="method")
    for column in (_ported(portability), _deviations(runs), _convergence(_without_failed(curves, runs))):
        table = table.join(column, on=HERE)
    table["moves"] = table["moves"].fillna(0).astype(int)
    table["step_bytes_over_full"] = table["step_bytes"] / table["full_step_bytes"].astype(float)
    table["step_bytes_over_bare"] = table["step_bytes"] / table["bare_forward_bytes"]
    return table[list(TABLES["techniques"])]


def sharing(shared: int, parameters: int) -> str:
    """How much of a module is used at several insertions: ``none``, ``some`` or ``all`` of its parameters."""
    return "none" if shared == 0 else "all" if shared == parameters else "some"


def _described(typology: Typology) -> pd.DataFrame:
    """The typology as a table, one row per method."""
    rows = {
        name: {prop: str(cell) for prop, cell in row.cells.items()} | {"formula": row.formula}
        for name, row in typology.techniques.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _ported(portability: pd.DataFrame) -> pd.DataFrame:
    """Means over moves of the ported modules at the smallest budget; of scores only where all moves have the same."""
    ported = portability[portability["initialisation"] == "ported"]
    ported = ported[ported["budget_steps"] == ported["budget_steps"].min()]
    ported = ported.assign(lift=ported["accuracy_mean"] - ported["bare_accuracy"])
    grouped = ported.groupby(HERE, observed=True)
    columns = {"ported_accuracy": "accuracy_mean", "ported_lift": "lift", "recovered_gap": "recovered_gap"}
    means = {name: grouped[column].mean() for name, column in columns.items()}
    if portability["metric"].nunique() > 1:  # points of one score are not points of another
        means |= dict.fromkeys(("ported_accuracy", "ported_lift"), np.nan)
    return pd.DataFrame({"moves": grouped.size()} | means)


def _deviations(runs: pd.DataFrame) -> pd.DataFrame:
    """Standard deviations over seeds, pooled over moves as a root mean square."""
    deviations = {}
    for name, budget in (("ported", runs["budget_steps"].min()), ("scratch", runs["budget_steps"].max())):
        chosen = runs[(runs["initialisation"] == name) & (runs["budget_steps"] == budget)]
        variances = chosen.groupby([*HERE, "source_host", "map", "source_dataset", "target_dataset"])["score"].var(
            ddof=1
        )
        deviations[f"{name}_seed_deviation"] = variances.groupby(level=HERE).mean() ** 0.5
    table = pd.DataFrame(deviations)
    return table if runs["metric"].nunique() == 1 else table * np.nan


def _without_failed(curves: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The curves without those of trainings that failed on their way."""
    run = [*HERE, "target_dataset", "seed"]
    failed = runs[(runs["initialisation"] == "scratch") & runs["score"].isna()]
    return curves[~curves.set_index(run).index.isin(failed.set_index(run).index)]


def _convergence(curves: pd.DataFrame) -> pd.DataFrame:
    """Steps to 95% of the loss's fall, and length of the trainings: medians over datasets and seeds."""
    rows = [
        dict(zip(HERE, key[:2], strict=True))
        | {"steps_to_95_percent": converged(curve), "curve_steps": float(curve["step"].max())}
        for key, curve in curves[curves["phase"] == "train"].groupby([*HERE, "target_dataset", "seed"], observed=True)
    ]
    return pd.DataFrame(rows, columns=[*HERE, "steps_to_95_percent", "curve_steps"]).groupby(HERE).median()


def converged(curve: pd.DataFrame) -> float:
    """The first noted step at which the loss has made 95% of its way from the first to the lowest noted value.

    The losses are means since the row before, so no step between two rows can be told. NaN where it never fell.
    """
    curve = curve.sort_values("step")
    losses = curve["loss"].to_numpy(dtype=float)
    fall = losses[0] - losses.min()
    if fall <= 0:
        return np.nan
    return float(curve["step"].to_numpy()[np.argmax(losses <= losses[0] - FALL * fall)])
