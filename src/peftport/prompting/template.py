"""From a text to the prompt a host reads, and from what a host writes to an answer that can be compared."""

import re
import unicodedata
from typing import Any, NotRequired, TypedDict

from peftport.data.texts import tidy

TEXT_SLOT, ANSWER = "{text}", "{answer}"


class TaskSettings(TypedDict):
    """How a dataset is put to a host.

    Attributes:
        template: of the prompt; with ``chat`` of a user's message.
        words: the label words in alphabetical order; none where answers are an example's own.
        chat: what goes into a chat beside the message (``peftport.prompting.chat``); only where prompts go through the
            host's chat template.
        kind: a name of ``peftport.tasks.table``; label words where there is none.
        longest_answer: tokens that an answer may have with its end; there is none where the kind sets no limit.
        scoring: settings of the kind's scores; only where something is scored.
    """

    template: str
    words: list[str]
    chat: NotRequired[dict[str, str]]
    kind: NotRequired[str]
    longest_answer: NotRequired[int]
    scoring: NotRequired[dict[str, Any]]


def check_template(template: str, cloze: bool = True, chat: bool = False) -> None:
    """Check that a template has exactly one ``{text}``, at most one ``{answer}`` and no other place to fill.

    Args:
        cloze: whether the answer may stand anywhere; else only at the end.
        chat: whether it is a user's message, in which no answer stands.

    Raises:
        ValueError: it has not; the message shows the template.
    """
    if (found := template.count(TEXT_SLOT)) != 1:
        raise ValueError(f"template {template!r}: expected exactly one {TEXT_SLOT}, found {found}")
    if others := [place for place in re.findall(r"\{\w*\}", template) if place not in (TEXT_SLOT, ANSWER)]:
        raise ValueError(f"template {template!r}: unknown place {others[0]}; there are {TEXT_SLOT} and {ANSWER}")
    if (found := template.count(ANSWER)) > 1:
        raise ValueError(f"template {template!r}: expected at most one {ANSWER}, found {found}")
    if TEXT_SLOT + ANSWER in template or ANSWER + TEXT_SLOT in template:
        raise ValueError(f"template {template!r}: expected a blank between {TEXT_SLOT} and {ANSWER}")
    if chat and ANSWER in template:
        raise ValueError(
            f"template {template!r}: expected no {ANSWER} with `chat`: the host answers the whole message, where its "
            "chat template says"
        )
    if not cloze and ANSWER in template and template.partition(ANSWER)[2].strip():
        raise ValueError(
            f"template {template!r}: expected {ANSWER} at the end. Only a masked language model fills a gap in the "
            "middle; encoder-decoders and causal language models write their answer after the prompt."
        )


def around_answer(template: str) -> tuple[str, str]:
    """What stands before and after the answer; white space before it belongs to the answer and is left out.

    Without an ``{answer}``, the answer stands at the end, behind a blank.
    """
    before, _, after = template.partition(ANSWER)
    return before.rstrip(), after.rstrip()


def lead_of(template: str) -> str:
    """What an answer is written behind, for a tokenizer to see: a full stop and a blank where the template has white
    space before the answer, else the letter before it, if there is one."""
    before = template.partition(ANSWER)[0]
    if ANSWER not in template or before[-1:].isspace():
        return ". "
    return before[-1:]


def render(template: str, text: str) -> str:
    """A template, or a part of one, with the text in its place. Braces in the text are text."""
    return template.replace(TEXT_SLOT, text)


def normalise_answer(text: str) -> str:
    """A generated answer, or a label word, for exact match: case folded, white space single, no punctuation around."""
    answer = tidy(unicodedata.normalize("NFKC", text).casefold())
    kept = [place for place, letter in enumerate(answer) if not _around(letter)]
    return answer[kept[0] : kept[-1] + 1] if kept else ""


def _around(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter)[0] in "PC"
