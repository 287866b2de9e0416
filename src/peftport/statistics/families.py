"""One family of tests per sentence: Holm's correction over the tests that one sentence is about, and no others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

ALPHA = 0.05  # of a sentence, after Holm's correction


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values corrected by Holm's step-down method (Holm 1979); shape as given."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def holm_within(table: pd.DataFrame, family: list[str]) -> pd.Series:
    """Column ``p_value`` corrected within each family, the rows that agree in these columns."""
    corrected = pd.Series(np.nan, index=table.index, dtype=float)
    for rows in table.groupby(family, sort=False, observed=True).indices.values():
        corrected.iloc[rows] = holm(table["p_value"].to_numpy(dtype=float)[rows])
    return corrected
