"""The text that a host is trained further on: windows of tokens to train on, and windows that are held out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from peftport.data.generated import reviews
from peftport.host_building import text_files
from peftport.hosts.corpus_files import corpus_files
from peftport.hosts.corpus_settings import FurtherCorpus
from peftport.seeds import derive
from peftport.storage.provenance import JsonObject

MOST_HELD_OUT = 32  # windows that perplexity is measured on


class Corpus(NamedTuple):
    """Windows of token ids, each of the same length.

    Attributes:
        training: those that are trained on.
        held_out: those that perplexity is measured on, ``MOST_HELD_OUT`` at most, evenly spaced in what is held out.
        said: what is held out, for the host's card: each source of text to its windows and how many of them at its
            end are held out.
    """

    training: list[list[int]]
    held_out: list[list[int]]
    said: JsonObject


def read_corpus(
    corpus: FurtherCorpus,
    dataset: Mapping[str, Sequence[str]],
    tokenizer: PreTrainedTokenizerBase,
    size: int,
    seed: int,
) -> Corpus:
    """Windows of a corpus. Documents follow each other, parted by line breaks, and are cut where a window ends.

    Args:
        dataset: texts of the splits ``train`` and ``validation``, of a corpus that is a dataset.
        size: length of a window, in tokens.
        seed: of generated text.

    Raises:
        ValueError: there is no text, or too little to train on or to hold out.
    """
    training, held_out, said = [], [], {}
    if corpus.dataset is not None:
        training, held_out = (_windows(dataset[split], tokenizer, size) for split in ("train", "validation"))
        said[f"dataset {corpus.dataset}"] = {"windows": len(training) + len(held_out), "held_out": len(held_out)}
    for name, documents in _sources(corpus, seed):
        windows = _windows(documents, tokenizer, size)
        last = max(1, round(corpus.held_out * len(windows)))
        training, held_out = training + windows[:-last], held_out + windows[-last:]
        said[name] = {"windows": len(windows), "held_out": len(windows[-last:])}
    if not training or not held_out:
        raise ValueError(
            f"corpus: expected text for a window of {size} tokens to train on and one to hold out, got "
            f"{len(training)} and {len(held_out)}; name more text, or set `tokens` lower"
        )
    return Corpus(training, held_out[:: -(-len(held_out) // MOST_HELD_OUT)], said)


def _sources(corpus: FurtherCorpus, seed: int) -> Iterator[tuple[str, list[str]]]:
    for file in corpus_files(corpus):
        yield str(file), text_files.read([file])
    if corpus.generated is not None:
        yield "generated", reviews.documents(**corpus.generated.model_dump(), seed=derive(seed, "corpus"))


def _windows(documents: Sequence[str], tokenizer: PreTrainedTokenizerBase, size: int) -> list[list[int]]:
    found = tokenizer(
        [f"{text}\n" for text in documents], add_special_tokens=False, truncation=False, split_special_tokens=True
    )
    stream = [token for ids in found["input_ids"] for token in ids]
    return [stream[at : at + size] for at in range(0, len(stream) - size + 1, size)]
