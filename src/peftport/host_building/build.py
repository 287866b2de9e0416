"""Build a small host on CPU, in the hub's own file format.

Two kinds of recipe. *Raw*: train a tokenizer on a corpus, initialise a host of a family that can be built
(``peftport.host_building.recipes``) and pretrain it as such hosts are. *Instruction-tuned*: train a host further on a
mixture of auxiliary tasks, as Flan-T5 was made from T5 v1.1 (Chung et al. 2022). Same recipe and number of threads,
same bits.
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
import transformers
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU
from peftport.compute.optimisation import Report
from peftport.data.generated import reviews
from peftport.host_building import instructions, text_files
from peftport.host_building.pretraining import Random, collate, optimise
from peftport.host_building.recipes.table import recipe_of
from peftport.host_building.span_corruption import cut_segments
from peftport.host_building.tokenizer import encode, train_tokenizer
from peftport.hosts.corpus_settings import CorpusSettings
from peftport.hosts.families.table import family
from peftport.hosts.load import is_tied, model_type_of
from peftport.hosts.recipe_settings import InstructionHostSettings, RawHostSettings
from peftport.jobs.checkpoints import Checkpoint
from peftport.prompting.lm_types.table import lm_type
from peftport.seeds import derive
from peftport.storage.files import atomic_write, file_digests
from peftport.storage.provenance import JsonObject

FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def build_host(
    recipe: RawHostSettings | InstructionHostSettings,
    folder: Path,
    base: Path | None = None,
    threads: int = 1,
    report: Report = lambda step, loss: None,
    checkpoint: Checkpoint | None = None,
) -> pd.DataFrame:
    """Build a host and write its files into `folder`.

    Args:
        recipe: of a raw host, or of one that is trained further (its `base` is a name; the host's folder is the
            argument `base`).
        folder: where the files go; each appears only when all of them are finished.
        base: folder of the host to train further; None for a raw recipe.
        threads: CPU threads.
        report: called with (step, loss) of every step.
        checkpoint: what a job that was stopped left.

    Returns:
        the loss curve: phase ("pretraining" or "instructions"), step, loss, learning_rate, seconds.

    Raises:
        ValueError: recipe and `base` do not fit together, the corpus is empty, or the vocabulary is too small.
        FloatingPointError: the training diverged.
        Stopped: the job was told to stop.
    """
    checkpoint = checkpoint or Checkpoint(None)
    if isinstance(recipe, InstructionHostSettings) != (base is not None):
        raise ValueError("an instruction recipe needs the folder of its base host, a raw recipe must not have one")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if base is None:
            phase, (tokenizer, model, curve) = "pretraining", _pretrain(recipe, report, checkpoint)
        else:
            phase, (tokenizer, model, curve) = "instructions", _instruct(recipe, base, report, checkpoint)
    finally:
        torch.set_num_threads(before)
    _write(tokenizer, model, Path(folder))
    curve.insert(0, "phase", phase)
    return curve


def facts(folder: Path) -> JsonObject:
    """What is noted of a host that was built: ``files`` (name to SHA-256), and ``computed_by``."""
    return {"files": file_digests(folder, FILES), "computed_by": computed_by("float32", CPU)}


def load_host(folder: Path) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """Tokenizer and model of a host folder, with a separate output head checked.

    Raises:
        ValueError: unknown family, or the head came back tied to the embeddings.
    """
    kind, said = family(model_type_of(folder)), json.loads((folder / "config.json").read_text())
    model = getattr(transformers, lm_type(kind.lm_type).MODEL).from_pretrained(folder, dtype=torch.float32)
    separate = said.get("tie_word_embeddings") is False
    if separate and (is_tied(model) or getattr(model.config, "scale_decoder_outputs", False)):
        raise ValueError(f"{folder}: the output head was tied to the embeddings on loading")
    return AutoTokenizer.from_pretrained(folder), model


def _pretrain(recipe: RawHostSettings, report: Report, checkpoint: Checkpoint):
    settings, seed, made = recipe.pretraining, recipe.seed, recipe_of(recipe.family)
    documents = _documents(recipe.corpus, derive(seed, "corpus"))
    tokenizer = train_tokenizer(documents, recipe.shape.vocabulary, recipe.words, made.LAYOUT)
    segments = cut_segments(encode(tokenizer, documents), settings.segment_tokens)
    if not segments:
        raise ValueError("corpus: no document is long enough to train on")
    example, random = made.objective(settings, tokenizer), Random.of_seed(seed)
    model = made.fresh_model(recipe.shape, tokenizer, seed)

    def loss(batch: np.ndarray) -> torch.Tensor:
        return model(**collate([example(segments[i], random.examples) for i in batch])).loss

    lengths = np.array([len(s) for s in segments])
    curve = optimise(model, loss, lengths, settings, random, report, checkpoint)
    return tokenizer, model, curve


def _instruct(recipe: InstructionHostSettings, base: Path, report: Report, checkpoint: Checkpoint):
    tokenizer, model = load_host(base)
    seed, source, made = recipe.seed, recipe.instructions, recipe_of(model.config.model_type)
    if source.generated is not None:
        pairs = reviews.instructions(**source.generated.model_dump(), seed=derive(seed, "instructions"))
    else:
        texts = text_files.read(source.files)
        pairs = instructions.from_texts(texts, source.examples, derive(seed, "instructions"))
    prompts, answers = (encode(tokenizer, column) for column in zip(*pairs, strict=True))
    data = [made.instruction(p, a, tokenizer) for p, a in zip(prompts, answers, strict=True)]

    def loss(batch: np.ndarray) -> torch.Tensor:
        return model(**collate([data[i] for i in batch])).loss

    lengths = np.array([len(e.inputs) for e in data])
    curve = optimise(model, loss, lengths, recipe.training, Random.of_seed(seed), report, checkpoint)
    return tokenizer, model, curve


def _documents(corpus: CorpusSettings, seed: int) -> list[str]:
    if corpus.generated is not None:
        return reviews.documents(**corpus.generated.model_dump(), seed=seed)
    return text_files.read(corpus.files)


def _write(tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, folder: Path) -> None:
    """Save beside `folder`, check that the copy loads with equal weights, then move each file to its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        beside = Path(scratch)
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        if not (beside / FILES[1]).is_file():  # a masked language model does not generate, yet has the same files
            GenerationConfig.from_model_config(model.config).save_pretrained(beside)
        _edit_json(beside / "config.json", recipe_of(model.config.model_type).FACTS)
        # how this tokenizer was loaded is no part of it
        _edit_json(beside / "tokenizer_config.json", {}, drop=("is_local", "local_files_only", "name_or_path"))
        _, copy = load_host(beside)
        for name, tensor in model.state_dict().items():
            if not torch.equal(copy.state_dict()[name], tensor):
                raise ValueError(f"{name} did not survive saving and loading")
        for name in FILES:
            with atomic_write(folder / name) as partial:
                shutil.copyfile(beside / name, partial)


def _edit_json(path: Path, put: Mapping[str, Any], drop: tuple[str, ...] = ()) -> None:
    value = {k: v for k, v in json.loads(path.read_text()).items() if k not in drop} | dict(put)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
