"""Build a small text-to-text host on CPU, in the hub's own file format.

Two kinds of recipe. *Raw*: train a tokenizer on a corpus, initialise a T5 v1.1 shape (gated GELU, output head separate
from the embeddings; Shazeer 2020, Raffel et al. 2020) and pretrain it by span corruption and continuation.
*Instruction-tuned*: train a host further on a mixture of auxiliary tasks, as Flan-T5 was made from T5 v1.1 (Chung et
al. 2022). Same recipe and number of threads, same bits.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from peftport.data import reviews
from peftport.files import whole
from peftport.hosts import instructions, text_files
from peftport.hosts.optimise import Plan, Report, optimise
from peftport.hosts.span_corruption import Example, Objective, cut_segments
from peftport.hosts.tokenizer import SENTINELS, encode, train_tokenizer
from peftport.seeds import derive, generator

FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
_LONGEST_PROMPT, _LONGEST_ANSWER = 96, 12  # tokens of an instruction


def build_host(
    recipe: Mapping[str, Any],
    folder: Path,
    base: Path | None = None,
    threads: int = 1,
    report: Report = lambda step, loss: None,
) -> pd.DataFrame:
    """Build a host and write its files into `folder`.

    Args:
        recipe: a raw recipe (`corpus`, `shape`, `pretraining`, `words`, `seed`) or an instruction recipe
            (`instructions`, `training`, `seed`; its `base` names the host, whose folder is the argument `base`).
        folder: where the files go; each appears only when all of them are finished.
        base: folder of the host to train further; None for a raw recipe.
        threads: CPU threads.
        report: called as (step, mean loss).

    Returns:
        the loss curve: phase ("pretraining" or "instructions"), step, loss, learning_rate, seconds.

    Raises:
        ValueError: recipe and `base` do not fit together, the corpus is empty, or the vocabulary is too small.
        FloatingPointError: the training diverged.
    """
    if ("instructions" in recipe) != (base is not None):
        raise ValueError("an instruction recipe needs the folder of its base host, a raw recipe must not have one")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if base is None:
            phase, (tokenizer, model, curve) = "pretraining", _pretrain(recipe, report)
        else:
            phase, (tokenizer, model, curve) = "instructions", _instruct(recipe, base, report)
    finally:
        torch.set_num_threads(before)
    _write(tokenizer, model, Path(folder))
    curve.insert(0, "phase", phase)
    return curve


def load_host(folder: Path) -> tuple[PreTrainedTokenizerFast, T5ForConditionalGeneration]:
    """Tokenizer and model of a host folder, with the separate output head checked.

    Raises:
        ValueError: the head came back tied to the embeddings.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
    if model.lm_head.weight is model.shared.weight or model.config.scale_decoder_outputs:
        raise ValueError(f"{folder}: the output head was tied to the embeddings on loading")
    return tokenizer, model


def _pretrain(recipe: Mapping[str, Any], report: Report):
    settings, seed = dict(recipe["pretraining"]), recipe["seed"]
    documents = _documents(recipe["corpus"], derive(seed, "corpus"))
    tokenizer = train_tokenizer(documents, recipe["shape"]["vocabulary"], recipe.get("words", ()))
    segments = cut_segments(encode(tokenizer, documents), settings.pop("segment_tokens", 32))
    if not segments:
        raise ValueError("corpus: no document is long enough to train on")
    objective = Objective(
        corrupted_share=settings.pop("corrupted_share", 0.15),
        mean_span_tokens=settings.pop("mean_span_tokens", 3.0),
        continuation_share=settings.pop("continuation_share", 0.15),
        sentinels=tuple(tokenizer.convert_tokens_to_ids(list(SENTINELS[: settings.pop("spans_at_most", 1)]))),
        end=tokenizer.eos_token_id,
        full_stop=tokenizer.get_vocab().get("."),
    )
    model = _fresh_model(recipe["shape"], len(tokenizer), seed)
    draw = generator(seed, "corruption")

    def examples(batch: np.ndarray) -> list[Example]:
        return [objective.example(segments[i], draw) for i in batch]

    lengths = np.array([len(s) for s in segments])
    curve = optimise(model, examples, lengths, Plan(**settings), generator(seed, "order"), report)
    return tokenizer, model, curve


def _instruct(recipe: Mapping[str, Any], base: Path, report: Report):
    tokenizer, model = load_host(base)
    seed, source = recipe["seed"], recipe["instructions"]
    if "generated" in source:
        pairs = reviews.instructions(**source["generated"], seed=derive(seed, "instructions"))
    else:
        texts = text_files.read(source["files"])
        pairs = instructions.from_texts(texts, source["examples"], derive(seed, "instructions"))
    prompts, answers = (encode(tokenizer, column) for column in zip(*pairs, strict=True))
    end = tokenizer.eos_token_id
    data = [
        Example([*p[: _LONGEST_PROMPT - 1], end], [*a[: _LONGEST_ANSWER - 1], end])
        for p, a in zip(prompts, answers, strict=True)
    ]

    def examples(batch: np.ndarray) -> list[Example]:
        return [data[i] for i in batch]

    lengths = np.array([len(e.inputs) for e in data])
    curve = optimise(model, examples, lengths, Plan(**recipe["training"]), generator(seed, "order"), report)
    return tokenizer, model, curve


def _documents(corpus: Mapping[str, Any], seed: int) -> list[str]:
    if "generated" in corpus:
        return reviews.documents(**corpus["generated"], seed=seed)
    return text_files.read(corpus["files"])


def _fresh_model(shape: Mapping[str, Any], vocabulary: int, seed: int) -> T5ForConditionalGeneration:
    """A T5 v1.1 model with its own head, initialised by one generator to the scales of Mesh TensorFlow's T5."""
    width, heads = shape["d_model"], shape["heads"]
    if width % heads:
        raise ValueError(f"shape: d_model {width} is not a multiple of heads {heads}")
    config = T5Config(
        vocab_size=vocabulary, d_model=width, d_kv=width // heads, d_ff=shape["d_ff"], num_heads=heads,
        num_layers=shape["layers"], relative_attention_num_buckets=16, relative_attention_max_distance=64,
        dropout_rate=0.0, feed_forward_proj="gated-gelu_pytorch_tanh", tie_word_embeddings=False, use_cache=True,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = T5ForConditionalGeneration(config)
    # transformers 5 ties T5's head to the embeddings whatever the config says: give it a weight of its own
    model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    random = torch.Generator().manual_seed(derive(seed, "initialisation"))
    scales = {"q": (width * config.d_kv) ** -0.5, "wo": shape["d_ff"] ** -0.5}
    scales["shared"] = shape.get("embedding_scale", 0.25)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
            else:
                parameter.normal_(0.0, scales.get(name.split(".")[-2], width**-0.5), generator=random)
    return model


def _write(tokenizer: PreTrainedTokenizerFast, model: T5ForConditionalGeneration, folder: Path) -> None:
    """Save beside `folder`, check that the copy loads with equal weights, then move each file to its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        beside = Path(scratch)
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        # without this, a reader takes the head for tied and scales its inputs
        _edit_json(beside / "config.json", {"tie_word_embeddings": False})
        # how this tokenizer was loaded is no part of it
        _edit_json(beside / "tokenizer_config.json", {}, drop=("is_local", "local_files_only", "name_or_path"))
        _, copy = load_host(beside)
        for name, tensor in model.state_dict().items():
            if not torch.equal(copy.state_dict()[name], tensor):
                raise ValueError(f"{name} did not survive saving and loading")
        for name in FILES:
            with whole(folder / name) as partial:
                shutil.copyfile(beside / name, partial)


def _edit_json(path: Path, put: Mapping[str, Any], drop: tuple[str, ...] = ()) -> None:
    value = {k: v for k, v in json.loads(path.read_text()).items() if k not in drop} | dict(put)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
