"""The initialisations by name: what a module in the target host can start from.

One small file each, with ``RULE`` (one sentence, which the report repeats), ``NEEDS`` and ``start``, and ``change`` of
one that is about a map. To add one, write its file and add its line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from peftport.registry import import_entry
from peftport.storage.extensions import added, extended
from peftport.storage.modules import Module

INITIALISATIONS: dict[str, str] = {
    "ported": "peftport.porting.ported",
    "sampled": "peftport.porting.sampled",
    "scratch": "peftport.porting.scratch",
    "permuted": "peftport.porting.permuted",
    "norm_matched": "peftport.porting.norm_matched",
    "target_mean": "peftport.porting.target_mean",
    "sampled_product": "peftport.porting.sampled_product",
    "random_target": "peftport.porting.random_target",
    "matched": "peftport.porting.matched",
    "ported_fresh_head": "peftport.porting.ported_fresh_head",
    "sampled_fresh_head": "peftport.porting.sampled_fresh_head",
    "head_only": "peftport.porting.head_only",
    "ported_inner_part": "peftport.porting.ported_inner_part",
    "ported_outer_part": "peftport.porting.ported_outer_part",
    "distilled": "peftport.porting.distilled",
    "wrong_layers": "peftport.maps.controls.wrong_layers",
    "shuffled_map": "peftport.maps.controls.shuffled_map",
    "random_basis": "peftport.maps.controls.random_basis",
    "ported_quarter": "peftport.maps.controls.ported_quarter",
    "ported_half": "peftport.maps.controls.ported_half",
    "ported_double": "peftport.maps.controls.ported_double",
}
INITIALISATIONS = extended("initialisations", INITIALISATIONS)
OF_MODULES = {"source", "siblings"}  # what one of an installed package may need

Start = Callable[[Module, np.random.Generator, list[Module]], Module]
Change = Callable[[Any, np.random.Generator], Any]  # of a correspondence (``peftport.maps``)


@dataclass(frozen=True)
class Initialisation:
    """One entry of the table.

    Attributes:
        name: as in the config.
        rule: how the start is made, one sentence.
        needs: what it is made from: ``source`` (the source module), ``siblings`` (other modules of the technique in
            the target host), ``host`` (the target host, in which the technique initialises itself), ``texts`` (the
            target host and training texts of the target dataset, to which ``peftport.matching`` fits what is drawn),
            ``head`` (a classification head in the source module), ``teacher`` (answers of the source host with the
            source module, by which ``peftport.distillation`` trains a fresh module in the target host), ``map`` (the
            correspondence that it is carried along), ``weights`` (those of the target host).
        start: module, generator, siblings to the start; None where the host makes it.
        change: how the correspondence is altered before the module is carried along it; None where it is not.
    """

    name: str
    rule: str
    needs: frozenset[str]
    start: Start | None
    change: Change | None = None


def initialisation(name: str) -> Initialisation:
    """The initialisation of this name; only its own file is imported.

    Raises:
        ValueError: there is none; the message offers a near name and lists all.
    """
    file = import_entry("initialisation", name, INITIALISATIONS)
    if name in added("initialisations") and (more := set(file.NEEDS) - OF_MODULES):
        raise ValueError(
            f"initialisation `{name}` of an installed package: expected it to need no more than "
            f"{', '.join(sorted(OF_MODULES))}; it needs {', '.join(sorted(more))}"
        )
    return Initialisation(name, file.RULE, file.NEEDS, getattr(file, "start", None), getattr(file, "change", None))
