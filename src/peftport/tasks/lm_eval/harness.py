"""lm-evaluation-harness run on a model in this process, without traces: neither in the model nor in random numbers."""

import contextlib
import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from peftport.data.lm_eval_tasks import ID, doc_hash, load_task
from peftport.data.settings import LmEvalSource
from peftport.prompting.task import Task
from peftport.storage.provenance import JsonObject

BACKENDS = {"causal": "causal", "encoder_decoder": "seq2seq"}
SEED = 1234  # of what lm-eval draws, such as the examples before a document: the same in every test


def samples_of(
    model: nn.Module, task: Task, source: LmEvalSource, names: Sequence[str], batch_size: int
) -> dict[str, JsonObject]:
    """What lm-eval says of each document: its answer, and its value of every metric.

    Args:
        model: the host, with or without a module.
        names: the documents, by the first digits of their hash.

    Raises:
        ValueError: the task has other documents now.
    """
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    harness = load_task(source)
    places: dict[str, int] = {}
    for place, doc in enumerate(harness.eval_docs):
        places.setdefault(doc_hash(doc)[:ID], place)
    if absent := [name for name in names if name not in places]:
        raise ValueError(f"the task `{source.task}` has no document {absent[0]} any more: its data have changed")
    with untied(model), same_random_numbers():
        lm = HFLM(
            pretrained=model,
            tokenizer=copy.deepcopy(task.tokenizer),  # it may be given a padding token
            backend=BACKENDS[task.lm_type],
            batch_size=batch_size,
            device=str(next(model.parameters()).device),
            max_length=task.positions,
        )
        _seed(harness, source.num_fewshot)
        # not `simple_evaluate`, which asks the hub about the model once it has measured it
        out = evaluate(
            lm=lm,
            task_dict={"tasks": {source.task: harness}, "groups": {}},
            samples={source.task: [places[name] for name in names]},
            bootstrap_iters=0,
            log_samples=True,
        )
    found: dict[str, JsonObject] = {}
    for sample in out["samples"][source.task]:
        if source.metric in sample:
            found.setdefault(sample["doc_hash"][:ID], sample)  # of several filters the first
    return found


def _seed(harness: Any, num_fewshot: int) -> None:
    """Set what lm-eval's own ``simple_evaluate`` sets: global seeds, and the task's examples before a document."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    harness.set_config(key="num_fewshot", value=num_fewshot)
    harness.set_fewshot_seed(seed=SEED)


@contextlib.contextmanager
def untied(model: nn.Module) -> Iterator[None]:
    """Keep ``HFLM`` from tying the output layer to the input embedding: its ``__init__`` calls ``tie_weights``.

    transformers 5 builds T5's config as if every T5 were tied, and only ``from_pretrained`` compares that with the
    file. So T5 v1.1, Flan-T5 and the bundled hosts lose their output layer.

    Raises:
        RuntimeError: the output layer is not the same to the bit afterwards.
    """
    before = model.get_output_embeddings().weight
    kept, shared = before.detach().clone(), _tied(model)
    model.tie_weights = _leave  # an attribute of this object, which hides the method
    try:
        yield
    finally:
        del model.tie_weights
    after = model.get_output_embeddings().weight
    if after is not before or _tied(model) != shared or not torch.equal(after, kept):
        raise RuntimeError("lm-evaluation-harness has changed the output layer of the host, so its scores mean nothing")


def _leave(*args: Any, **named: Any) -> None:
    """In the place of ``tie_weights``."""


def _tied(model: nn.Module) -> bool:
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight


@contextlib.contextmanager
def same_random_numbers() -> Iterator[None]:
    """Leave the global generators as they were: lm-eval seeds all of them."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
