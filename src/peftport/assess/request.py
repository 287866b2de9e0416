"""What is asked of `peftport assess`."""

from dataclasses import dataclass
from pathlib import Path

from peftport.data.columns import value_counts
from peftport.registry import did_you_mean


class WrongRequest(ValueError):
    """Something that was given does not fit the data or the other things given."""


@dataclass(frozen=True)
class Examples:
    """Files of labelled examples, and how they are asked.

    Attributes:
        files: the one that is trained on first.
        text, label: names of columns; None where they are to be inferred.
        labels: value in the data to label word, in the order given; None where the values are the words.
        template: prompt, with ``{text}``.
        flag: how the flags begin that say all this.
    """

    files: list[Path]
    text: str | None
    label: str | None
    labels: dict[str, str] | None
    template: str
    flag: str


@dataclass(frozen=True)
class Request:
    """What the command line says, as far as the study depends on it.

    Attributes:
        adapter, old, new: as they were named.
        data, test_data: files of labelled examples; without ``test_data`` a share of ``data`` is tested on.
        text, label: names of columns; None where they are to be inferred.
        labels: value in the data to label word, in the order given; None where the values are the words.
        template: prompt, with ``{text}``.
        budgets: optimiser steps; None for as many as suit the number of examples.
        seeds: how many.
        learning_rate: of trainings; None for the usual one of modules that exist already.
        initial: folder with the initial state of an adapter by PiSSA or OLoRA.
        probe: a file of labelled examples of something else, which are only tested on; None for none.
        probe_text, probe_label, probe_labels, probe_template: as those of ``data``.
    """

    adapter: str
    old: str
    new: str
    data: Path
    test_data: Path | None = None
    text: str | None = None
    label: str | None = None
    labels: dict[str, str] | None = None
    template: str = "{text}"
    budgets: list[int] | None = None
    seeds: int = 3
    learning_rate: float | None = None
    initial: Path | None = None
    probe: Path | None = None
    probe_text: str | None = None
    probe_label: str | None = None
    probe_labels: dict[str, str] | None = None
    probe_template: str | None = None

    @property
    def task(self) -> Examples:
        """The examples that the adapter is for."""
        files = [self.data] if self.test_data is None else [self.data, self.test_data]
        return Examples(files, self.text, self.label, self.labels, self.template, "--")

    @property
    def probed(self) -> Examples | None:
        """The examples of something else.

        Raises:
            WrongRequest: there are none, and it is said how they are asked.
        """
        said = {name: getattr(self, f"probe_{name}") for name in ("text", "label", "labels", "template")}
        if self.probe is not None:
            return Examples([self.probe], **said | {"template": self.probe_template or "{text}"}, flag="--probe-")
        if given := [f"--probe-{name}" for name, value in said.items() if value is not None]:
            raise WrongRequest(f"{given[0]}: expected --probe FILE beside it, there is none")
        return None


def label_words(examples: Examples, column: str) -> tuple[dict[str, str], int]:
    """Value to label word for every value of the data, and how many rows the first file has.

    Raises:
        WrongRequest: a value has no word, or a word is for a value that the data do not have.
        ValueError: a file cannot be read.
    """
    counts, flag = [value_counts(path, column) for path in examples.files], f"{examples.flag}labels"
    there = list(dict.fromkeys(value for each in counts for value in each))
    words = {value: value for value in there} if examples.labels is None else examples.labels
    if missing := [value for value in there if value not in words]:
        lacking = f"{', '.join(map(repr, missing[:10]))} {'has' if len(missing) == 1 else 'have'} none"
        raise WrongRequest(f"{flag}: expected a word for each value of the column {column!r}; {lacking}")
    if strange := [value for value in words if value not in there]:
        near = f"{did_you_mean(strange[0], there)} Values there: {', '.join(map(repr, there[:20]))}"
        raise WrongRequest(f"{flag}: {strange[0]!r} is no value of the column {column!r}.{near}")
    if len(set(words.values())) < 2:
        raise WrongRequest(f"{examples.files[0]}: expected at least two labels in the column {column!r}, got {there}")
    return words, sum(counts[0].values())
