"""The words that an adapter answers, as the tokenizers of both hosts write them: from ``tokenizer.json`` alone.

How a word is written depends on what stands before it. Here it stands behind ``LEAD`` and a blank, as behind a prompt;
in encoder-decoders, whose answer begins the decoder's text, it stands alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from peftport.adapters.case import Case
from peftport.adapters.checks.reading import before_of
from peftport.adapters.host_files import LARGEST_TOKENIZER
from peftport.adapters.verdict import Reason, some

LEAD, ALONE = "answer: ", "encoder_decoder"
FILE = "tokenizer.json"
NOW = "the host"


@dataclass(frozen=True)
class Written:
    """One label word in one tokenizer.

    Attributes:
        tokens: as text, in their order.
        whole: whether a host can answer it: it has tokens, none of them is the unknown one, and they begin with it.
    """

    tokens: tuple[str, ...]
    whole: bool


def reasons(case: Case) -> Iterator[Reason]:
    """Of the host now, then where the one before has other tokens; nothing where no label words are known."""
    if not case.words:
        return
    alone = case.new.family is not None and case.new.family.lm_type == ALONE
    before, where = before_of(case)
    was, now = _written(before, case.words, alone), _written(case.new.folder, case.words, alone)
    if now is None:
        yield Reason("words", "copy", f"{NOW} has no {FILE} that can be read, so how it writes label words is not told")
        return
    yield from _told(now)
    if was is not None:
        yield from _against(was, where, now)
    elif case.old is not None:
        text = f"{where} has no {FILE} that can be read, so whether label words have kept their tokens is not told"
        yield Reason("words", "copy", text)


def _told(now: Mapping[str, Written]) -> Iterator[Reason]:
    """Whether the host now can write the words, and tell them apart."""
    if absent := tuple(word for word, written in now.items() if not written.whole):
        yield Reason("words", "impossible", f"label words that the tokenizer of {NOW} cannot write", absent)
        return
    begun = tuple(
        f"{word} and {other}"
        for word, written in now.items()
        for other, others in now.items()
        if word != other and others.tokens[: len(written.tokens)] == written.tokens
    )
    if begun:
        text = f"label words of which one begins the other in {NOW}, so that likelihoods cannot tell them apart"
        yield Reason("words", "impossible", text, begun)
        return
    counts = ", ".join(f"{word} {len(written.tokens)}" for word, written in list(now.items())[:5])
    if len({written.tokens[0] for written in now.values()}) < len(now):
        text = f"label words begin with one token in {NOW}, so the first token alone does not tell them apart"
        yield Reason("words", "copy", f"{text} (tokens: {counts})")
    else:
        text = f"{NOW} can write the label words, each with a first token of its own (tokens: {counts})"
        yield Reason("words", "same", text)


def _against(was: Mapping[str, Written], where: str, now: Mapping[str, Written]) -> Iterator[Reason]:
    """Words that the host before could not write, or wrote with other tokens."""
    if absent := tuple(word for word, written in was.items() if not written.whole):
        text = f"label words that the tokenizer of {where} cannot write, so the adapter never answered them"
        yield Reason("words", "copy", text, absent)
    pairs = [(word, was[word].tokens, now[word].tokens) for word in now if was[word].whole and now[word].whole]
    changed = tuple(f"{word} {some(old)} then {some(new)} now" for word, old, new in pairs if old != new)
    if changed:
        yield Reason("words", "copy", f"label words that {where} writes with other tokens", changed)
    elif pairs:
        yield Reason("words", "same", f"the label words have the tokens that they have in {where}")


def _written(folder: Path, words: tuple[str, ...], alone: bool) -> dict[str, Written] | None:
    """Each word as the tokenizer in a folder writes it; None where there is none that can be read."""
    path = folder / FILE
    if not path.is_file() or path.stat().st_size > LARGEST_TOKENIZER:
        return None
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        unknown = model.get("unk_id"), tokenizer.token_to_id(model.get("unk_token") or "")
        return {word: _word(tokenizer, word, "" if alone else LEAD, unknown) for word in words}
    except Exception:  # the library raises that, and nothing narrower
        return None


def _word(tokenizer: Tokenizer, word: str, lead: str, unknown: tuple[int | None, ...]) -> Written:
    before = tokenizer.encode(lead.rstrip(), add_special_tokens=False).ids
    ids = tokenizer.encode(lead + word, add_special_tokens=False).ids
    own = ids[len(before) :]
    whole = bool(own) and ids[: len(before)] == before and set(unknown).isdisjoint(own)
    return Written(tuple(tokenizer.id_to_token(token) for token in own), whole)
