"""What counts as the same text, and the name an example goes by."""

import hashlib
import re
import unicodedata

_DROPPED = ("P", "Z", "C", "Sk")  # Unicode categories: punctuation, separators, control, accents on their own

_BRACKETS = re.compile(r"-[lr][rsc]b-")  # a Penn Treebank tokeniser's brackets, as SST writes them


class _Kept(dict[int, int | None]):
    """Code point to itself, or to None where it does not count; filled as characters are met."""

    def __missing__(self, code: int) -> int | None:
        dropped = unicodedata.category(chr(code)).startswith(_DROPPED)
        self[code] = None if dropped else code
        return self[code]


_KEPT = _Kept()


def tidy(text: str) -> str:
    """The text with every run of white space, line breaks included, as one space, and none at its ends."""
    return " ".join(text.split())


def normal_form(text: str) -> str:
    """What two texts share when they differ only in case, punctuation and white space.

    Tokenised and plain spellings agree: ``Do n't miss it -lrb- again -rrb- .`` and ``don't miss it (again)`` have one
    normal form. Letters, digits, marks and symbols (emoji among them) count; a text that has none of these is its own
    normal form.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _BRACKETS.sub("", folded).translate(_KEPT) or tidy(text)


def example_id(text: str) -> str:
    """The identifier of a tidy text: 16 hexadecimal digits of its SHA-256, whatever its label or split."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
