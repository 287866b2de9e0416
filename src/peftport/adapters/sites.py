"""Where an adapter sits, by the names of its own tensors, and whether a host has these places.

peft names a tensor ``base_model.model.<site>.<what it is>``, where the site is a submodule of the model that was
wrapped. Sites are looked up by their whole names, so the work grows with the number of tensors and no more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peftport.adapters.config import AdapterConfig
from peftport.adapters.folder import Adapter
from peftport.adapters.host_modules import HostModules
from peftport.adapters.known_fields import known_fields

TUNER, WRAPPED = "base_model.", "base_model.model."
# of peftport's own types: how the names of their tensors begin below a site
MARKERS = {"HOULSBY": "houlsby_", "COMPACTER": "compacter_", "FULL_PREFIX": "prefix_tuning_"}
MARKERS |= {"TINY_ATTENTION": "tiny_attention_"}


@dataclass(frozen=True)
class Sites:
    """Where the tensors of an adapter belong.

    Attributes:
        tensors: site to what is there: what a tensor is (``lora_A.weight``) to its name in the file.
        whole: tensors that are of no technique: name in the file to name in the model.
        unplaced: tensors that peft would not find a place for, because their names do not begin as it writes them.
    """

    tensors: Mapping[str, Mapping[str, str]]
    whole: Mapping[str, str]
    unplaced: tuple[str, ...]


def sites_of(adapter: Adapter, config: AdapterConfig) -> Sites:
    """The sites of an adapter by the names of its tensors alone. An adapter that adds tokens has none."""
    marker = marker_of(config.peft_type)
    stem = marker.partition("_")[0]
    tensors: dict[str, dict[str, str]] = {}
    whole, unplaced = {}, []
    for name in adapter.tensors:
        if config.prompt and not MARKERS.get(config.peft_type):
            continue
        if not name.startswith(WRAPPED):
            if not (stem and name.startswith(f"{TUNER}{stem}_")):  # what all sites share lies in the tuner itself
                unplaced.append(name)
            continue
        parts = name.removeprefix(WRAPPED).split(".")
        start = next((place for place, part in enumerate(parts) if marker and part.startswith(marker)), None)
        if start is None:
            whole[name] = ".".join(parts)
        else:
            tensors.setdefault(".".join(parts[:start]), {})[".".join(parts[start:])] = name
    return Sites(tensors, whole, tuple(unplaced))


def marker_of(peft_type: str) -> str:
    """How the names of a type's tensors begin below a site; empty where that is not known."""
    known = known_fields(peft_type)
    return known.marker if known else MARKERS.get(peft_type, "")


def renaming(sites: Iterable[str], modules: HostModules) -> tuple[str, str, int] | None:
    """The change of names with which most sites that a host lacks would be found in it.

    Returns:
        What stands in front of the first layers' name in the adapter, what stands there in the host, and how many
        sites would then match; None where no change helps.
    """
    here = {tail: front for name in modules.weights for front, tail in [_cut(name)]}
    changes = Counter((front, here[tail]) for front, tail in map(_cut, sites) if tail in here and here[tail] != front)
    if not changes:
        return None
    (front, instead), number = changes.most_common(1)[0]
    return front, instead, number


def _cut(name: str) -> tuple[str, str]:
    """A site's name in front of the name that holds the layers, and from there on."""
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part.isdecimal()), 1)
    return ".".join(parts[: first - 1]), ".".join(parts[max(first - 1, 0) :])
