"""The families of hosts that can be built, by transformers' ``model_type``. Each is one module with

* ``LAYOUT``: special tokens of the tokenizer, and what it puts around a text (``host_building.tokenizer.Layout``);
* ``fresh_model(shape, tokenizer, seed)``: an untrained host;
* ``objective(settings, tokenizer)``: (segment, generator) to an ``Example``, from settings of the pretraining;
* ``instruction(prompt, answer, tokenizer)``: an ``Example`` from token ids of a question and its answer;
* ``FACTS``: what its ``config.json`` must say beside what transformers writes.
"""

from types import ModuleType

from peftport.registry import import_entry

RECIPES = {
    "t5": "peftport.host_building.recipes.t5",
    "bert": "peftport.host_building.recipes.bert",
    "llama": "peftport.host_building.recipes.llama",
}


def recipe_of(family: str) -> ModuleType:
    """Import the recipe of a family.

    Raises:
        ValueError: no host of that family can be built.
    """
    return import_entry("recipe for hosts of the family", family, RECIPES)
