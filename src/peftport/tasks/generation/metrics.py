"""How near what a host wrote is to one right completion: texts in, a number from 0 to 1 out."""

import re
import string
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from rouge_score.rouge_scorer import RougeScorer

NUMBER = re.compile(r"-?\$?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
ANSWER_MARK = "####"  # GSM8K writes the answer behind it


def normalised(text: str) -> str:
    """As SQuAD's evaluation has it: lower case, no punctuation, no articles, single spaces.

    Rajpurkar et al., 2016 (arXiv 1606.05250), ``normalize_answer`` of the official script.
    """
    lower = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lower).split())


def exact_match(written: str, right: str) -> float:
    """1 if the two are equal when normalised, else 0."""
    return float(normalised(written) == normalised(right))


def token_f1(written: str, right: str) -> float:
    """F1 score of the words of the two, normalised, each counted as often as it stands (SQuAD's definition).

    Where one of the two has no word it is 1 if the other has none either, else 0.
    """
    words, others = normalised(written).split(), normalised(right).split()
    if not words or not others:
        return float(words == others)
    shared = sum((Counter(words) & Counter(others)).values())
    return 2 * shared / (len(words) + len(others))


def number_match(written: str, right: str) -> float:
    """1 if the last number of what was written is that of the completion, else 0.

    The number of a completion is the one behind ``####`` if there is such a mark (Cobbe et al., 2021, GSM8K, arXiv
    2110.14168), else its last one. Currency signs and thousands separators do not count.
    """
    said, asked = last_number(written), last_number(right)
    return float(said is not None and said == asked)


def last_number(text: str) -> Decimal | None:
    """The number behind the last ``####`` if there is one, else the last number; None if there is none."""
    _, marked, behind = text.rpartition(ANSWER_MARK)
    if marked and (first := NUMBER.search(behind)):
        return _value(first[0])
    numbers = NUMBER.findall(text)
    return _value(numbers[-1]) if numbers else None


def _value(number: str) -> Decimal:
    return Decimal(number.replace("$", "").replace(",", ""))


def rouge_l(written: str, right: str) -> float:
    """ROUGE-L's F-measure of the package ``rouge-score``, without stemming (Lin, 2004): longest common subsequence."""
    return float(_scorer().score(right, written)["rougeL"].fmeasure)


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=False)


METRICS: dict[str, Callable[[str, str], float]] = {
    "exact_match": exact_match,
    "number_match": number_match,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
}


def best(metric: str, written: str, right: list[str]) -> float:
    """The metric against whichever right completion gives the most."""
    return max(METRICS[metric](written, completion) for completion in right)
