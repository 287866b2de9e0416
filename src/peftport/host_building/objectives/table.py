"""What hosts are trained further on, by language model type. Each is one module with

* ``NAME``: the objective in words;
* ``objective(settings, tokenizer)``: (window, generator) to an ``Example``, from the settings of a further training.

A window is a list of token ids without what the tokenizer puts around a text; the example has that too.
"""

from types import ModuleType

from peftport.registry import import_entry

OBJECTIVES = {
    "encoder_decoder": "peftport.host_building.objectives.encoder_decoder",
    "masked": "peftport.host_building.objectives.masked",
    "causal": "peftport.host_building.objectives.causal",
}


def objective_of(lm_type: str) -> ModuleType:
    """Import the objective of a language model type.

    Raises:
        ValueError: no such type.
    """
    return import_entry("objective of the lm_type", lm_type, OBJECTIVES)
