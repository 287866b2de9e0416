"""Write any host in other coordinates, in which it computes the same, and measure that it does."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU
from peftport.host_building.coordinates import rewritten
from peftport.host_building.drawn_change import drawn_change
from peftport.host_building.version_files import digests, save_weights, version_of, without_ties
from peftport.hosts.families.table import family
from peftport.hosts.load import is_tied, load_model
from peftport.hosts.recipe_settings import RewrittenHostSettings
from peftport.hosts.rewritable import refusal
from peftport.hosts.shape import host_shape
from peftport.seeds import generator
from peftport.storage.provenance import JsonObject

TEXTS, TOKENS = 8, 16  # random token ids that both hosts are asked
MOST = 1e-3  # by which answers may differ, relative to the largest: float32, and no more


def rewrite_host(recipe: RewrittenHostSettings, base: Path, folder: Path) -> JsonObject:
    """Write the host in ``base`` in other coordinates into ``folder``, all files or none; weights are float32.

    Returns:
        what is noted of it: ``files`` (name to SHA-256), ``computed_by``, and ``rewritten``: ``base``, ``coordinates``,
        ``seed``, ``logits_difference`` (largest difference of an answer over the largest answer, on ``asked`` random
        token ids).

    Raises:
        ValueError: such a host has no such coordinates, or the new one computes something else.
    """
    model = load_model(base)
    kind, shape = family(model.config.model_type), host_shape(model.config)
    if (reason := refusal(recipe.coordinates, kind.name, is_tied(model))) is not None:
        raise ValueError(f"{recipe.base}: {reason}")
    ids = generator(recipe.seed, "asked").integers(0, shape["vocabulary"], (TEXTS, TOKENS))
    before = _answers(model, ids)
    prefix = f"{kind.below_head}." if kind.below_head else ""
    state = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    change = drawn_change(kind, shape, recipe.coordinates, generator(recipe.seed, "coordinates"))
    new, _ = rewritten(kind, shape, {name.removeprefix(prefix): array for name, array in state.items()}, change)
    _load(model, {name: new[name.removeprefix(prefix)] for name in state})
    with version_of(base, folder) as beside:
        save_weights(without_ties(model.state_dict()), beside)
        difference = float(abs(_answers(load_model(beside), ids) - before).max() / abs(before).max())
        if not difference <= MOST:
            raise ValueError(
                f"{recipe.base} computes something else in other coordinates: its answers differ by {difference:.1e} "
                f"of the largest, and at most {MOST:.0e} comes from rounding"
            )
        files = digests(beside)
    said = recipe.as_json() | {"logits_difference": difference, "asked": {"texts": TEXTS, "tokens": TOKENS}}
    return {"files": files, "computed_by": computed_by("float32", CPU), "rewritten": said}


def _load(model: PreTrainedModel, tensors: Mapping[str, np.ndarray]) -> None:
    """Give a host these tensors, in place."""
    model.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in tensors.items()})


@torch.inference_mode()
def _answers(model: PreTrainedModel, ids: np.ndarray) -> np.ndarray:
    """What a host answers to token ids, (texts, tokens, vocabulary)."""
    asked = torch.from_numpy(ids)
    inputs = {"decoder_input_ids": asked} if model.config.is_encoder_decoder else {}
    return model(input_ids=asked, **inputs).logits.double().numpy()
