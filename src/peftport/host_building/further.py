"""Train any host further on text, by the objective that hosts of its kind are pretrained by.

Of a masked host and of an encoder-decoder what is called perplexity is that of the hidden tokens: the exponential of
their mean cross-entropy. The same hidden tokens are asked before and after.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from peftport.compute.computed_by import computed_by
from peftport.compute.device import job_device
from peftport.compute.optimisation import Report
from peftport.host_building.corpus import Corpus, read_corpus
from peftport.host_building.drift import drift
from peftport.host_building.masked_head import Trainable, alone, load_trainable, saved_tensors
from peftport.host_building.objectives.table import objective_of
from peftport.host_building.pretraining import Random, collate, optimise
from peftport.host_building.recipes.example import Example
from peftport.host_building.version_files import digests, save_weights, version_of, without_ties
from peftport.hosts.families.table import family
from peftport.hosts.identify import positions
from peftport.hosts.load import load_tokenizer
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.jobs.checkpoints import Checkpoint
from peftport.prompting.batches import IGNORED, special_tokens
from peftport.prompting.lm_types.table import lm_type
from peftport.seeds import derive, generator
from peftport.storage.provenance import JsonObject

HELD_OUT_BATCH = 4  # windows
Loss = Callable[[Sequence[Example]], torch.Tensor]


def train_further(
    recipe: FurtherHostSettings,
    base: Path,
    folder: Path,
    dataset: Mapping[str, Sequence[str]],
    report: Report = lambda step, loss: None,
    checkpoint: Checkpoint | None = None,
    classifies: bool = False,
) -> tuple[pd.DataFrame, JsonObject]:
    """Train the host in ``base`` further, and write its new version into ``folder``, all files or none.

    Config and tokenizer are the base's, byte by byte. Weights are float32.

    Args:
        base: the host as the training begins: with the layers alone that the recipe keeps (``with_layers``).
        dataset: texts of the splits ``train`` and ``validation``, where the corpus is a dataset.
        report: called with (step, loss) of every step.
        checkpoint: what a job that was stopped left.
        classifies: whether it has a classification head; a language-model head is then made where its files have none.

    Returns:
        the loss curve (``host_curve``), and what is noted of the host: ``files`` (name to SHA-256), ``computed_by``,
        and ``further``: ``base``, ``kept_layers`` (None: all), ``steps``, ``objective``, ``weights`` and
        ``trained_parameters``, ``drift``, ``perplexity`` and ``held_out``, as docs/output.md says.

    Raises:
        ValueError: too little text, a window longer than the host reads, or no weights of a kind that shall train.
        FloatingPointError: the training diverged.
        Stopped: the job was told to stop.
    """
    trainable, tokenizer = load_trainable(base, recipe.seed, classifies), load_tokenizer(base)
    model, kind = trainable.model, family(trainable.model.config.model_type)
    corpus = _corpus(recipe, dataset, tokenizer, positions(model.config, kind))
    objective = objective_of(kind.lm_type)
    example = objective.objective(recipe, tokenizer)
    loss = partial(_loss, model, lm_type(kind.lm_type).padding(tokenizer), recipe.products)
    model.to(job_device())
    if trainable.made:
        trainable.train_made()
        _train(model, corpus, example, loss, alone(recipe), lambda step, loss: None, Checkpoint(None))
    measured = partial(_perplexity, loss, _held_out(corpus, example, recipe.seed))
    before = measured()
    count = trainable.train(recipe.weights)
    curve = _train(model, corpus, example, loss, recipe, report, checkpoint or Checkpoint(None))
    after = measured()
    model.cpu()
    facts = {
        "base": recipe.base,
        "kept_layers": recipe.keep_layers,
        "steps": recipe.steps,
        "objective": objective.NAME,
        "weights": recipe.weights,
        "trained_parameters": count,
        "drift": drift(load_trainable(base, recipe.seed, classifies).model, model, trainable.made),
        "perplexity": {"before": before, "after": after},
        "held_out": {"windows": len(corpus.held_out), "tokens": recipe.tokens, "of": corpus.said},
    }
    files = _write(trainable, base, folder)
    curve.insert(0, "phase", "further")
    return curve, {"files": files, "computed_by": computed_by("float32"), "further": facts}


def _corpus(
    recipe: FurtherHostSettings, dataset: Mapping[str, Sequence[str]], tokenizer: Any, most: int | None
) -> Corpus:
    """The windows of a recipe's corpus in a host that reads so many tokens at most."""
    if most is not None and recipe.tokens > most:
        raise ValueError(f"tokens: expected at most {most}, what the host {recipe.base} can read, got {recipe.tokens}")
    around = sum(map(len, special_tokens(tokenizer)))
    return read_corpus(recipe.corpus, dataset, tokenizer, recipe.tokens - around, recipe.seed)


def _train(
    model: PreTrainedModel,
    corpus: Corpus,
    example: Callable[[list[int], np.random.Generator], Example],
    loss: Loss,
    recipe: FurtherHostSettings,
    report: Report,
    checkpoint: Checkpoint,
) -> pd.DataFrame:
    """Train what asks for a gradient, in place; the loss curve."""
    random, windows = Random.of_seed(recipe.seed), corpus.training

    def of_batch(batch: np.ndarray) -> torch.Tensor:
        return loss([example(windows[index], random.examples) for index in batch])

    with torch.random.fork_rng():  # for dropout, where the host's config has it
        torch.manual_seed(derive(recipe.seed, "dropout"))
        curve = optimise(model, of_batch, np.array([len(one) for one in windows]), recipe, random, report, checkpoint)
    model.requires_grad_(False)
    model.zero_grad()
    return curve


def _loss(model: PreTrainedModel, padding: int, products: str, examples: Sequence[Example]) -> torch.Tensor:
    """The mean cross-entropy of the tokens that examples teach."""
    device = model.device
    batch = {name: tensor.to(device) for name, tensor in collate(examples, padding).items()}
    with _products_in(products, device):
        return model(**batch).loss


def _products_in(products: str, device: torch.device) -> AbstractContextManager:
    return torch.autocast(device.type, getattr(torch, products), enabled=products != "float32")


def _held_out(
    corpus: Corpus, example: Callable[[list[int], np.random.Generator], Example], seed: int
) -> list[list[Example]]:
    """Batches of examples of what is held out."""
    random = generator(seed, "held out")
    examples = [example(window, random) for window in corpus.held_out]
    return [examples[at : at + HELD_OUT_BATCH] for at in range(0, len(examples), HELD_OUT_BATCH)]


@torch.inference_mode()
def _perplexity(loss: Loss, batches: Sequence[Sequence[Example]]) -> float:
    """The exponential of the mean cross-entropy of all tokens that these examples teach."""
    taught = [sum(target != IGNORED for one in batch for target in one.targets) for batch in batches]
    total = sum(float(loss(batch)) * tokens for batch, tokens in zip(batches, taught, strict=True))
    return math.exp(total / sum(taught))


def _write(trainable: Trainable, base: Path, folder: Path) -> dict[str, str]:
    """Write a host, see that it loads with equal weights; the SHA-256 of its files."""
    with version_of(base, folder) as beside:
        model = trainable.model
        tensors = saved_tensors(model, base) if trainable.made else without_ties(model.state_dict())
        save_weights(tensors, beside)
        there, own = load_trainable(beside, 0, bool(trainable.made)).model.state_dict(), model.state_dict()
        prefix = f"{model.base_model_prefix}."
        names = [name for name in own if name in tensors or name.removeprefix(prefix) in tensors]
        if changed := [name for name in names if not torch.equal(there[name], own[name])]:
            raise ValueError(f"{changed[0]} did not survive saving and loading")
        return digests(beside)
