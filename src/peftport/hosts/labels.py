"""How a host's tokenizer writes the label words."""

from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase


def label_tokens(tokenizer: PreTrainedTokenizerBase, words: Iterable[str]) -> dict[str, list[int]]:
    """Token ids of every label word, without special tokens.

    Raises:
        ValueError: a word has no tokens or an unknown one, or the tokens of one word begin those of another, so
            that a likelihood could not tell them apart.
    """
    tokens = {word: tokenizer(word, add_special_tokens=False)["input_ids"] for word in words}
    for word, ids in tokens.items():
        if not ids or tokenizer.unk_token_id in ids:
            raise ValueError(f"the tokenizer cannot write the label word {word!r} (tokens {ids})")
    for word, ids in tokens.items():
        for other, others in tokens.items():
            if word != other and others[: len(ids)] == ids:
                raise ValueError(
                    f"the tokenizer cannot tell the label words {word!r} {ids} and {other!r} {others} apart"
                )
    return tokens
