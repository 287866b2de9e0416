"""The methods by name: how the correspondence between two hosts is estimated.

One small file each, with ``RULE`` (one sentence, which the report repeats), ``SOURCE`` (where it was published, or that
it is ours), ``NEEDS``, ``TECHNIQUES``, ``refusals`` and ``fit``. To add one, write its file and add its line here:
docs/add-a-porting-method.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peftport.registry import import_entry
from peftport.storage.extensions import extended

if TYPE_CHECKING:
    import numpy as np

    from peftport.maps.correspondence import Correspondence
    from peftport.maps.pair import Pair
    from peftport.maps.settings import MapSettings
    from peftport.storage.provenance import JsonObject

    Refusals = Callable[[JsonObject, JsonObject, MapSettings], list[str]]
    Fit = Callable[[Pair, MapSettings, np.random.Generator], Correspondence]

# the module that runs hosts on texts, by name: it loads torch, and most maps need none of it
READING = {"texts": "peftport.maps.moments_of_hosts"}

MAPS: dict[str, str] = {
    "weight_match": "peftport.maps.methods.weight_match",
    "core": "peftport.maps.methods.core",
    "lorasuite": "peftport.maps.methods.lorasuite",
    "activations": "peftport.maps.methods.activations",
    "assignment": "peftport.maps.methods.assignment",
    "tokens": "peftport.maps.methods.tokens",
}
MAPS = extended("maps", MAPS)


@dataclass(frozen=True)
class Method:
    """One entry of the table.

    Attributes:
        name: as in the config.
        rule: how a correspondence is found, one sentence.
        source: the publication and what was changed, or that it is ours.
        needs: what it is estimated from: ``weights`` of both hosts, ``tokens`` that both vocabularies have, ``texts``
            that both hosts read.
        techniques: those that it can carry; None for all that have a law.
        refusals: cards of source and target host and the map's settings to why it cannot be made, one line each;
            from cards alone.
        fit: pair of hosts, settings and generator to the correspondence. It never sees a module.
    """

    name: str
    rule: str
    source: str
    needs: frozenset[str]
    techniques: frozenset[str] | None
    refusals: "Refusals"
    fit: "Fit"


def method(name: str) -> Method:
    """The method of this name; only its own file is imported.

    Raises:
        ValueError: there is none; the message offers a near name and lists all.
    """
    file = import_entry("method to map hosts", name, MAPS)
    return Method(name, file.RULE, file.SOURCE, file.NEEDS, file.TECHNIQUES, file.refusals, file.fit)
