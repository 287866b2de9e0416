"""What a schema cannot say about a host that is trained further on a corpus."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from peftport.hosts.corpus_files import corpus_files
from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import FurtherHostSettings, WeightKind
from peftport.hosts.sites import Family
from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject

NO_SITES = ("embedding", "head", "other")  # kinds of weights that lie at no site


def further_refusal(
    name: str, recipe: FurtherHostSettings, base: JsonObject | None, datasets: Iterable[str], folder: Path
) -> str | None:
    """Why a host cannot be trained further as its recipe says; None if it can, as far as is known.

    Args:
        base: what is known of the base's shape before it is there (``peftport.hosts.shape.declared``).
        datasets: names of the config's datasets.
        folder: where relative paths in the config start.
    """
    key, corpus = f"config key `hosts.{name}.build", recipe.corpus
    if corpus.dataset is not None and corpus.dataset not in datasets:
        return f"{key}.corpus.dataset`: {unknown_name('dataset', corpus.dataset, datasets)}"
    try:
        corpus_files(corpus, folder)
    except FileNotFoundError as error:
        there = f"{error.args[0]!r} is none (looked in {folder})"
        return f"{key}.corpus.files`: expected a file, or a pattern of files, {there}."
    if base is None or isinstance(recipe.weights, str):
        return None
    known = _kinds(family(base["model_type"]))
    for kind in recipe.weights:
        if kind not in known:
            return (
                f"{key}.weights`: a `{base['model_type']}` host has no weights of the kind {kind!r}; expected some of "
                f"{', '.join(known)}."
            )
    return None


def _kinds(kind: Family) -> list[str]:
    """The kinds of weights that hosts of a family can have."""
    return [name for name in get_args(WeightKind) if name in kind.sites or name in NO_SITES]
