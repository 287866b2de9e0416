"""How far the seeds of a comparison lie apart, steadied by what the other comparisons of the table say.

Three seeds estimate a variance very badly, but a table holds many comparisons. Each variance is drawn towards the value
that is typical of the table, the more so the more alike the variances of the table are; how alike is itself estimated.
This is the moderated variance of Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1),
equations in section 6.2; the degrees of freedom are held to those of the table.
"""

import numpy as np
from scipy import optimize, special

FEWEST = 4  # comparisons below which nothing is borrowed


def moderate(variances: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances drawn towards their typical value, and the degrees of freedom that they then have.

    Args:
        variances: estimated variances, zero or above; shape (comparisons,).
        freedom: their degrees of freedom, at least 1; shape (comparisons,).

    Returns:
        Two arrays of shape (comparisons,). A variance of zero stays zero and lends nothing.
    """
    used = variances > 0
    if used.sum() < FEWEST:
        return variances, freedom.astype(float)
    own = freedom[used].astype(float)
    logs = np.log(variances[used]) - special.digamma(own / 2) + np.log(own / 2)
    excess = logs.var(ddof=1) - special.polygamma(1, own / 2).mean()
    prior = np.inf if excess < 1e-6 else 2 * _inverse_trigamma(excess)
    level = logs.mean() + (special.digamma(prior / 2) - np.log(prior / 2) if np.isfinite(prior) else 0.0)
    weight = own / (own + prior)
    steadied, total = variances.copy(), freedom.astype(float)
    steadied[used] = weight * variances[used] + (1 - weight) * np.exp(level)
    total[used] = np.minimum(own + prior, own.sum())
    return steadied, total


def _inverse_trigamma(value: float) -> float:
    """The x at which the trigamma function, which falls from infinity to zero, has this value."""
    return float(np.exp(optimize.brentq(lambda log: special.polygamma(1, np.exp(log)) - value, -20, 20)))
