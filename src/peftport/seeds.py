"""One random generator per purpose, derived from (seed, purpose).

Nothing in the library draws from a global generator, so adding one use of randomness never moves another.
"""

import hashlib

import numpy as np


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose of one seed; equal arguments give equal seeds on every machine."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose, for example ``generator(3, "order", "train")``."""
    return np.random.default_rng(derive(seed, *purpose))
