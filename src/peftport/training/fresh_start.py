"""The technique's fresh initialisation in a target host: what `scratch` starts from."""

from pathlib import Path

from peftport.hosts.load import load_model
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.porting.scratch import RULE
from peftport.storage.cards import read_card
from peftport.storage.modules import Module, write_module
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import note


def initialise_scratch(
    card_file: Path, technique: JsonObject, folders: dict[int, Path], provenance: JsonObject
) -> None:
    """Write the technique's fresh initialisation in a target host as module directories, one per seed."""
    card = read_card(card_file)
    host = known_folder(card)
    for seed, folder in folders.items():
        model = attach(load_model(host), technique["method"], technique, seed=seed)
        facts = {"technique": technique["method"], "note": note(technique)}
        facts |= {"initialisation": "scratch", "rule": RULE, "seed": seed}
        hosts = {"target_host": card["host"], "target_weights_sha256": card["weights_sha256"]}
        write_module(folder, Module(config_dict(model), module_tensors(model), facts | hosts | provenance))
