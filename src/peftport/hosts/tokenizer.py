"""The tokenizer of a host built here: byte-pair encoding over lower-cased words, with T5's special tokens."""

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(8))
_WEIGHT = 5_000  # occurrences added for each word that must stay whole


def train_tokenizer(texts: Iterable[str], vocabulary: int, words: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Train a tokenizer.

    Args:
        texts: what it is trained on.
        vocabulary: pieces at most, special tokens included.
        words: words that must each be one piece, for example the labels of the tasks to come.

    Returns:
        a tokenizer with ids 0, 1, 2 for padding, end of sequence and unknown, then the sentinels; it appends the
        end-of-sequence token and gives `input_ids` and `attention_mask`.

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
        vocab_size=vocabulary, special_tokens=[PAD, END, UNKNOWN, *SENTINELS], show_progress=False
    )
    weighted = [" ".join(words)] * _WEIGHT if words else []
    core.train_from_iterator([*texts, *weighted], trainer)
    end = core.token_to_id(END)
    core.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, end)])
    for word in words:
        pieces = core.encode(word, add_special_tokens=False).tokens
        if len(pieces) != 1:
            raise ValueError(f"vocabulary: {vocabulary} pieces are too few to keep {word!r} whole; it became {pieces}")
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=list(SENTINELS),
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without the end-of-sequence token."""
    return [e.ids for e in tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False)]
