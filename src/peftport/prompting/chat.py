"""From a user's message to the prompt that a host's own chat template makes of it.

A chat template is a program (jinja) that comes with a host's tokenizer: it writes the roles, the special tokens, often
a system message of its own, and at the end what an answer begins behind. It is run once for a dataset, on the message
with its ``{text}`` still open, and a probe shows that it takes texts over as they are; what comes out is a template
like any other.

A template that writes today's date (``strftime_now``) is given one day for all, so that a prompt is the same on every
day: 26 July 2024, which LLaMA 3's template falls back to itself.
"""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from peftport.prompting.template import TEXT_SLOT, render

Messages = list[dict[str, str]]
Write = Callable[[Messages, bool], str]  # messages, and whether an answer is to begin behind them

ANSWER = "peftport-answer"
PROBE = 'It\'s "one" <b> & {two} {{ three }} {% four %} \\n É 5%'  # what a template could take for something else
DAY = {"%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%A": "Friday", "%a": "Fri"}
DAY |= {"%H": "12", "%M": "00", "%S": "00"}
ONE_DAY = "".join(
    ["{% macro strftime_now(format) %}{{ format", *(f" | replace('{a}', '{b}')" for a, b in DAY.items()), " }}"]
) + "{% endmacro %}\n"  # fmt: skip


class Opened(NamedTuple):
    """A conversation up to where its answer begins.

    Attributes:
        prompt: with ``{text}`` where the text goes, and what the host's template writes for an answer to begin.
        gap: what the template then still writes before an answer: nothing, a blank, an empty thought.
    """

    prompt: str
    gap: str


def template_source(template: str) -> str:
    """A chat template as it is run."""
    return ONE_DAY + template if "strftime_now" in template else template


def template_digest(template: str | None) -> str | None:
    """The SHA-256 of a chat template; None of none."""
    return None if template is None else hashlib.sha256(template.encode()).hexdigest()


def chat_template(tokenizer: Any) -> str | None:
    """The chat template of a tokenizer; of several that which is called ``default``, None if there is none."""
    template = tokenizer.chat_template
    return template.get("default") if isinstance(template, dict) else template


def chat_of(tokenizer: Any) -> Write:
    """How a tokenizer's chat template writes a conversation, as a text.

    Raises:
        ValueError: it has none.
    """
    template = chat_template(tokenizer)
    refuse_unless_there(template)
    return lambda messages, answering: tokenizer.apply_chat_template(
        messages, chat_template=template_source(template), tokenize=False, add_generation_prompt=answering
    )


def refuse_unless_there(template: str | None) -> None:
    """Raise ValueError if there is no chat template."""
    if template is None:
        raise ValueError(
            "the host has no chat template (chat_template.jinja, or `chat_template` in tokenizer_config.json): take "
            "`chat` away, or take a host that was trained to converse"
        )


def opened(write: Write, message: str, chat: dict[str, str]) -> Opened:
    """A conversation in which a user has sent a message, up to where the answer begins.

    Args:
        write: the host's chat template.
        message: with a ``{text}`` in it.
        chat: perhaps with a ``system`` message before it.

    Raises:
        ValueError: the template fails, leaves out or changes the text or the system message, or puts nothing between a
            message and its answer.
    """
    asked = [{"role": "system", "content": chat["system"]}] if "system" in chat else []

    def written(content: str, answering: bool = True, answers: tuple[str, ...] = ()) -> str:
        said = [{"role": "assistant", "content": answer} for answer in answers]
        return write([*asked, {"role": "user", "content": content}, *said], answering)

    try:
        prompt, probed = written(message), written(render(message, PROBE))
    except Exception as error:  # jinja raises many kinds, and whatever its program does
        first = (str(error).splitlines() or [""])[0]
        raise ValueError(f"the host's chat template fails: {type(error).__name__}: {first[:300]}") from error
    if (times := prompt.count(TEXT_SLOT)) != 1:
        said = "leaves out the text of a message" if not times else f"writes the text of a message {times} times"
        raise ValueError(f"the host's chat template {said}")
    if probed != render(prompt, PROBE):
        raise ValueError("the host's chat template changes the text of a message, or is never the same")
    if "system" in chat and chat["system"].strip() not in prompt:
        raise ValueError("the host's chat template leaves out the system message: take `system` away")
    gap = _gap(prompt, lambda: written(message, answering=False, answers=(ANSWER,)))
    if (prompt + gap).endswith(message.strip()):
        raise ValueError("the host's chat template puts nothing between a message and its answer")
    return Opened(prompt, gap)


def _gap(prompt: str, answered: Callable[[], str]) -> str:
    """What stands before an answer in an answered conversation and not in the prompt."""
    try:
        whole = answered()
    except Exception:  # it need not be able to show an answer
        return ""
    rest = whole.removeprefix(prompt)
    return rest.partition(ANSWER)[0] if whole.startswith(prompt) and ANSWER in rest else ""
