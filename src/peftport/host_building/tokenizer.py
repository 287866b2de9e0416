"""The tokenizer of a host built here: byte-pair encoding over lower-cased words, with its family's special tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(8))
BEGIN, MASK = "<s>", "<mask>"
_WEIGHT = 5_000  # occurrences added for each word that must stay whole


@dataclass(frozen=True)
class Layout:
    """What of a tokenizer depends on the family of its host.

    Attributes:
        further: special tokens behind padding, end and unknown, which have the ids 0, 1, 2.
        around: what stands around a text, ``$A``.
        roles: transformers' names of special tokens, beside those of padding, end and unknown.
    """

    further: tuple[str, ...]
    around: str
    roles: dict[str, str | list[str]]


TEXT_TO_TEXT = Layout(SENTINELS, f"$A {END}", {"additional_special_tokens": list(SENTINELS)})
CLOZE = Layout((BEGIN, MASK), f"{BEGIN} $A {END}", {"cls_token": BEGIN, "sep_token": END, "mask_token": MASK})
RUNNING = Layout((BEGIN,), f"{BEGIN} $A", {"bos_token": BEGIN})


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, words: Sequence[str] = (), layout: Layout = TEXT_TO_TEXT
) -> PreTrainedTokenizerFast:
    """Train a tokenizer.

    Args:
        texts: what it is trained on.
        vocabulary: pieces at most, special tokens included.
        words: words that must each be one piece, for example the labels of the tasks to come.
        layout: special tokens.

    Returns:
        a tokenizer with ids 0, 1, 2 for padding, end of sequence and unknown, then those of the layout; it gives
        `input_ids` and `attention_mask`.

    Raises:
        ValueError: the vocabulary is too small for one of `words` to be one piece.
    """
    core = Tokenizer(models.BPE(unk_token=UNKNOWN))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    core.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[PAD, END, UNKNOWN, *layout.further], show_progress=False
    )
    weighted = [" ".join(words)] * _WEIGHT if words else []
    core.train_from_iterator([*texts, *weighted], trainer)
    around = [token for token in layout.around.split() if token != "$A"]
    core.post_processor = processors.TemplateProcessing(
        single=layout.around, special_tokens=[(token, core.token_to_id(token)) for token in around]
    )
    for word in words:
        pieces = core.encode(word, add_special_tokens=False).tokens
        if len(pieces) != 1:
            raise ValueError(f"vocabulary: {vocabulary} pieces are too few to keep {word!r} whole; it became {pieces}")
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        **layout.roles,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without the end-of-sequence token."""
    return [e.ids for e in tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False)]
