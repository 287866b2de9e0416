"""A monotone predictor of the recovered gap from one measure: isotonic regression, straight between its steps.

Robertson, Wright and Dykstra (1988), *Order Restricted Statistical Inference*, by ``scipy.optimize``. The direction is
given, and not chosen by the data.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression


@dataclass(frozen=True)
class Monotone:
    """A monotone curve through points; flat outside of them.

    Attributes:
        at: (n,) rising values of the measure.
        values: (n,) predictions there.
    """

    at: np.ndarray
    values: np.ndarray

    def predict(self, measured: np.ndarray) -> np.ndarray:
        """Predictions for values of the measure, of their shape."""
        return np.interp(measured, self.at, self.values)


def fit(measured: np.ndarray, gaps: np.ndarray, weights: np.ndarray, rising: bool) -> Monotone:
    """The monotone curve with the least weighted sum of squared errors; arrays (n,), n at least 1."""
    at, place = np.unique(measured, return_inverse=True)
    total = np.bincount(place, weights)
    means = np.bincount(place, weights * gaps) / total
    return Monotone(at, np.asarray(isotonic_regression(means, weights=total, increasing=rising).x))
