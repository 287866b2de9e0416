"""What a start lacks in a target host, a classification head or a part of two: made fresh there, as `scratch` is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from peftport.injection.attach import attach, config_dict, detach, module_tensors
from peftport.injection.head import Head
from peftport.storage.modules import Module


def completed(
    host: PreTrainedModel,
    module: Module,
    technique: Mapping[str, Any],
    parts: Sequence[str],
    words: Sequence[str],
    seed: int,
) -> Module:
    """The module with what it lacks: a fresh head, or beside a moved head what the technique adds when it is fresh, or
    beside a moved part of two the other one.

    A head that was trained on other labels answers other questions, so it is left behind. What is fresh depends on the
    seed and the target host alone, so that it is the same for every initialisation.

    Args:
        host: the bare target host, with a head of as many labels as there are words.
        module: what a run starts from.
        technique: settings of its technique, `method` among them.
        parts: what of the head belongs to modules; nothing for a host without one.
        words: labels of the target dataset, in the order of the head's outputs.
    """
    if module.head and module.card["labels"] != list(words):
        labels = ", ".join(module.card["labels"])
        print(f"seed {seed}: a fresh head, because the module's was trained on other labels ({labels})", flush=True)
        module = module.without_head()
    model = attach(
        host, technique["method"], technique, seed=seed, head=Head(tuple(parts), "target") if parts else None
    )
    config, fresh = config_dict(model, module.config.get("base_model_name_or_path")), module_tensors(model)
    detach(model)
    return replace(module, config=config, tensors=dict(sorted((fresh | module.tensors).items())))
