"""An adapter tried: how it changes what its hosts answer to fixed tokens. A change of nothing is an adapter that is not
there, whatever its loading said.

The adapter enters by ``peftport.injection``, which takes it only if every tensor has its place. Its sites are given by
their names, so that no pattern of the config is ever matched, and nothing that the config names is fetched.
"""

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from peftport.adapters.case import Case
from peftport.adapters.checks.whole import outputs_of_head
from peftport.adapters.config import config_to_load
from peftport.adapters.host_files import HostFiles
from peftport.adapters.low_rank import low_rank, spelled_out
from peftport.adapters.targets import patterns_by_name
from peftport.adapters.verdict import Reason
from peftport.hosts.classification_head import load_with_head
from peftport.injection.attach import attach_module
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject

PATTERNS = ("exclude_modules", "layers_to_transform", "layers_pattern")  # fields that choose among modules
ROWS, LENGTH, FIRST = 4, 16, 10  # of the token ids; the first few are often special
NOTHING = 1e-6  # of the logits' own size: below it is rounding
FAR = 10.0  # times as much, or as little, as in the host that it was trained in


def canary(case: Case, tensors: dict[str, np.ndarray]) -> tuple[list[Reason], dict[str, float]]:
    """What it changes in the host before, if that is given, and in the host now.

    Args:
        tensors: of the adapter, in float32.

    Returns:
        Reasons, and of each host the mean Kullback-Leibler divergence of the bare host's next tokens from those with
        the adapter (nats), and the share of places where the likeliest token is another one.
    """
    module, numbers = Module(_config(case), tensors, {}), {}
    hosts = {"before": case.old, "now": case.new} if case.unlike else {"now": case.new}
    reasons = []
    for name, host in hosts.items():
        try:
            change = _change(host, module)
        except (ValueError, OSError) as error:
            reasons.append(Reason("canary", "unknown", f"it could not be tried in the host {name}: {str(error)[:300]}"))
            continue
        numbers |= {f"{what}_{name}": value for what, value in change.items()}
        if change["largest"] < NOTHING:
            reasons.append(Reason("canary", "impossible", f"it changes nothing that the host {name} answers"))
    said = ", ".join(f"{name}: {_said(numbers, name)}" for name in hosts if f"divergence_{name}" in numbers)
    if said:
        reasons.append(Reason("canary", _level(numbers), f"it changes the answers to fixed tokens ({said})"))
    return reasons, numbers


def _config(case: Case) -> JsonObject:
    """What peft is given: its sites by their names, so that peft reads no pattern that a stranger wrote.

    Raises:
        Unmatchable: which ranks or alphas the config means cannot be told.
    """
    config, sites = config_to_load(case.adapter) | _head(case), sorted(case.sites.tensors)
    if case.config.peft_type == "LORA":
        parts = low_rank(case.adapter, case.config, case.sites)
        return config | dict.fromkeys(PATTERNS) | spelled_out(parts) | {"target_modules": sorted(parts)}
    named = {field: None for field in PATTERNS if field in config} | patterns_by_name(case.config, sites)
    chosen = {field: sites for field in ("target_modules",) if isinstance(config.get(field), str)}
    return config | named | chosen | _inner(case, config)


def _inner(case: Case, config: JsonObject) -> JsonObject:
    """Which sites of an (IA)3 scale what they read, where the config has a pattern for them: those of one row."""
    if not isinstance(config.get("feedforward_modules"), str):
        return {}
    rows = {
        site: {case.adapter.tensors[name].shape[0] for name in p.values()} for site, p in case.sites.tensors.items()
    }
    return {"feedforward_modules": sorted(site for site, sizes in rows.items() if sizes == {1})}


def _head(case: Case) -> JsonObject:
    """Of the parts of a head that a config names those that there are tensors for: peft also names what no host has."""
    there = {part for path in case.sites.whole.values() for part in path.split(".")}
    saved = [part for part in case.config.modules_to_save if part in there]
    return {"modules_to_save": saved} if saved else {}


def _level(numbers: dict[str, float]) -> str:
    before, now = (numbers.get(f"divergence_{name}") for name in ("before", "now"))
    return "copy" if before and now is not None and not 1 / FAR <= now / before <= FAR else "same"


def _said(numbers: dict[str, float], name: str) -> str:
    return f"{numbers[f'divergence_{name}']:.3g} nats, {100 * numbers[f'flips_{name}']:.3g}% of the likeliest"


@torch.no_grad()
def _change(host: HostFiles, module: Module) -> dict[str, float]:
    shapes = module.shapes() if module.config.get("modules_to_save") else {}
    model = load_with_head(host.folder, outputs_of_head(host, shapes))
    inputs = _inputs(model)
    bare = model(**inputs).logits
    adapted = attach_module(model, module, trainable=False).eval()(**inputs).logits
    if bare.ndim == 3:  # a prompt's own tokens stand in front
        adapted = adapted[:, -bare.shape[1] :]
    one, other = bare.log_softmax(-1).double(), adapted.log_softmax(-1).double()
    return {
        "divergence": float((one.exp() * (one - other)).sum(-1).mean()),
        "flips": float((bare.argmax(-1) != adapted.argmax(-1)).double().mean()),
        "largest": float((bare - adapted).abs().max() / max(bare.abs().max(), adapted.abs().max(), 1e-30)),
    }


def _inputs(model: PreTrainedModel) -> dict[str, Any]:
    """The same token ids for every host of one vocabulary."""
    vocabulary = model.config.vocab_size
    numbers = np.random.default_rng(0).integers(min(FIRST, vocabulary - 1), vocabulary, (ROWS, LENGTH))
    ids = torch.from_numpy(numbers)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return inputs | ({"decoder_input_ids": ids.flip(1)} if model.config.is_encoder_decoder else {})
