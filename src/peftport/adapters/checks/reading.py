"""How the two hosts read texts: tokenizer, vocabulary, chat template. An adapter's own folder often holds copies."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from peftport.adapters.case import Case
from peftport.adapters.host_files import LARGEST_TOKENIZER, tokenizer_digest
from peftport.adapters.verdict import Reason
from peftport.hosts.chat_templates import read_template

VOCABULARY = "vocab_size"
BEFORE, BESIDE = "the host before", "the adapter's folder"


def reasons(case: Case) -> Iterator[Reason]:
    """Tokens and templates of the host that it was trained in; else of the copies in its folder."""
    before, where = before_of(case)
    yield from _tokenizer(before, where, case.new.folder)
    yield from _template(before, where, case.new.folder)
    if case.old is not None and case.old.config.get(VOCABULARY) != case.new.config.get(VOCABULARY):
        pair = f"{case.old.config.get(VOCABULARY)} and {case.new.config.get(VOCABULARY)}"
        yield Reason("vocabulary", "copy", f"the hosts have another number of tokens (before and now: {pair})")


def before_of(case: Case) -> tuple[Path, str]:
    """The folder whose tokenizer the adapter was trained with, as far as that is known, and what it is called."""
    return (case.old.folder, BEFORE) if case.old else (case.adapter.folder, BESIDE)


def _tokenizer(before: Path, where: str, now: Path) -> Iterator[Reason]:
    one, other = (tokenizer_digest(folder) for folder in (before, now))
    if one is None and (other is None or where != BEFORE):
        return
    if one is None or other is None:
        without = where if one is None else "the host"
        yield Reason("tokenizer", "copy", f"{without} has no tokenizer, so tokens cannot be compared")
    elif one == other:
        yield Reason("tokenizer", "same", f"the tokenizer is that of {where}, to the byte")
    else:
        yield from _tokens(before, where, now)


def _tokens(before: Path, where: str, now: Path) -> Iterator[Reason]:
    try:
        one, other = _vocabulary(before), _vocabulary(now)
    except (OSError, ValueError, RecursionError) as error:
        text = f"the tokenizer's files are not those of {where}, and cannot be read: {str(error)[:120]}"
        yield Reason("tokenizer", "copy", text)
        return
    if not one or not other:
        yield Reason("tokenizer", "copy", f"the tokenizer's files are not those of {where}")
        return
    kept = sum(other.get(token) == place for token, place in one.items())
    if kept == len(one) == len(other):
        yield Reason("tokenizer", "same", f"the tokenizer has the tokens of {where}, in other files")
    else:
        text = f"{kept} of its {len(one)} tokens have their place among {len(other)} now"
        yield Reason("tokenizer", "copy", f"the tokenizer is not that of {where}: {text}")


def _vocabulary(folder: Path) -> Mapping[str, int]:
    """Tokens to their places, as ``tokenizer.json`` says them; empty where there is no such file or another form."""
    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > LARGEST_TOKENIZER:
        return {}
    said = json.loads(path.read_text(encoding="utf-8"))
    model = said.get("model") if isinstance(said, dict) else None
    there: Any = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(there, list):  # Unigram: pairs of token and score, in the order of their places
        there = {pair[0]: place for place, pair in enumerate(there) if isinstance(pair, list) and pair}
    added = said.get("added_tokens") if isinstance(there, dict) else None
    listed = added if isinstance(added, list) else []
    return {**(there or {}), **{one.get("content"): one.get("id") for one in listed if isinstance(one, dict)}}


def _template(before: Path, where: str, now: Path) -> Iterator[Reason]:
    try:
        one, other = read_template(before).template, read_template(now).template
    except (OSError, ValueError) as error:
        yield Reason("template", "copy", f"a chat template cannot be read: {str(error)[:120]}")
        return
    if one is None and where != BEFORE:
        return
    if one == other:
        text = "neither host has a chat template" if one is None else f"the chat template is that of {where}"
        yield Reason("template", "same", text)
    else:
        what = "there is none now" if other is None else "there is one now" if one is None else "it is another one now"
        yield Reason("template", "copy", f"the chat template is not that of {where}: {what}")
