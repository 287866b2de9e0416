"""From a text to the prompt a host reads, and from what a host writes to an answer that can be compared."""

import re
import unicodedata

from peftport.data.texts import tidy

PLACE = "{text}"


def check_template(template: str) -> None:
    """Check that a template has exactly one ``{text}`` and no other place to fill.

    Raises:
        ValueError: it has not; the message shows the template.
    """
    if (found := template.count(PLACE)) != 1:
        raise ValueError(f"template {template!r}: expected exactly one {PLACE}, found {found}")
    if others := [place for place in re.findall(r"\{\w*\}", template) if place != PLACE]:
        raise ValueError(f"template {template!r}: unknown place {others[0]}; the only one is {PLACE}")


def render(template: str, text: str) -> str:
    """The prompt for one text. Braces in the text are text.

    Raises:
        ValueError: the template has not exactly one ``{text}``.
    """
    check_template(template)
    return template.replace(PLACE, text)


def normalise_answer(text: str) -> str:
    """A generated answer, or a label word, for exact match: case folded, white space single, no punctuation around."""
    answer = tidy(unicodedata.normalize("NFKC", text).casefold())
    kept = [place for place, letter in enumerate(answer) if not _around(letter)]
    return answer[kept[0] : kept[-1] + 1] if kept else ""


def _around(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter)[0] in "PC"
