"""Maps of the token embeddings alone, for soft prompts, from the tokens that both vocabularies have.

Lester et al., *Reducing Retraining by Recycling Parameter-Efficient Prompts* (2022, arXiv 2208.05577), take any matrix
that carries embeddings to embeddings, ``P_t = P_s M`` with ``M = lstsq(E_s, E_t)`` (v2v-lin, ``map: least_squares``).
The default is a turn and a scale, ``P_t = s P_s R^T``, ``R = polar(E_t^T E_s)``, ``s = tr(R^T E_t^T E_s) / ||E_s||^2``:
it has less to learn from the tokens. Where they choose among frequent words, all shared tokens are taken here.
"""

import numpy as np

from peftport.maps.alike import small_vocabulary
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Dense, Isometry
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING
from peftport.maps.stream_tokens import HELD, turned
from peftport.maps.tokens import COMFORTABLE, too_few
from peftport.storage.provenance import JsonObject

RULE = "embeddings of the tokens that both hosts have are carried onto each other; nothing else is mapped"
SOURCE = "Lester et al., 2022 (arXiv 2208.05577), all shared tokens; by default a turn and a scale"
NEEDS = frozenset({"weights", "tokens"})
TECHNIQUES = frozenset({"prompt_tuning"})


def refusals(source_card: JsonObject, target_card: JsonObject, settings: MapSettings) -> list[str]:
    """Why the map cannot be made, one line each."""
    del settings
    return small_vocabulary(source_card, target_card)


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence; nothing is drawn.

    Raises:
        ValueError: the hosts share too few tokens.
    """
    del rng
    source, target = pair.shared_tokens()
    if (reason := too_few(len(source), pair.source.card, pair.target.card)) is not None:
        raise ValueError(reason)
    tables = [
        end.rows(end.embedding_name, ids).astype(np.float64)
        for end, ids in ((pair.source, source), (pair.target, target))
    ]
    solve = {"procrustes": _turn, "least_squares": _matrix}[settings.map]
    held = np.arange(len(source)) % HELD == HELD - 1
    facts: JsonObject = {"shared_tokens": len(source), "residuals": {EMBEDDING: _residuals(tables, held, solve)}}
    if len(source) < (wanted := COMFORTABLE * tables[0].shape[1]):
        facts["warnings"] = [f"the hosts share {len(source)} tokens: {wanted} would be good"]
    return Correspondence(layer_maps(pair, settings), {Space(EMBEDDING): solve(*tables)}, facts)


def _turn(source: np.ndarray, target: np.ndarray) -> Isometry:
    """A turn and a scale of (tokens, d_s) embeddings onto (tokens, d_t)."""
    return turned(target.T @ source, float((source**2).sum()))


def _matrix(source: np.ndarray, target: np.ndarray) -> Dense:
    """The matrix of least squares, and its pseudo-inverse."""
    matrix = np.linalg.lstsq(source, target, rcond=None)[0].T
    return Dense(matrix, np.linalg.pinv(matrix))


def _residuals(tables: list[np.ndarray], held: np.ndarray, solve) -> dict[str, float | None]:
    """``||e_t - M e_s|| / ||e_t||`` of held tokens, of a map from the others; with shuffled tokens; without a map."""
    source, target = (table[held] for table in tables)
    mapped = solve(*(table[~held] for table in tables)).forward(source.T).T
    off = {"map": mapped, "shuffled": np.roll(mapped, len(mapped) // 2, axis=0)}
    if source.shape == target.shape:
        off["identity"] = source
    size = np.linalg.norm(target) or 1.0
    return {"identity": None} | {name: float(np.linalg.norm(target - rows) / size) for name, rows in off.items()}
