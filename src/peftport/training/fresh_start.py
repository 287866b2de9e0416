"""The technique's fresh initialisation in a target host: what `scratch` starts from."""

from pathlib import Path

from peftport.hosts.classification_head import SMALLEST, load_with_head
from peftport.hosts.locate import known_folder
from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.injection.head import Head
from peftport.porting.scratch import RULE
from peftport.storage.cards import read_card
from peftport.storage.modules import Module, write_module
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import note


def initialise_scratch(
    card_file: Path, technique: JsonObject, folders: dict[int, Path], provenance: JsonObject
) -> None:
    """Write the technique's fresh initialisation in a target host as module directories, one per seed.

    A classification head is not in them: how many labels it has, the dataset says (``peftport.injection.complete``).
    """
    card = read_card(card_file)
    host, parts = known_folder(card), tuple(card.get("head_parts", ()))
    head = Head(parts, "target") if parts else None
    for seed, folder in folders.items():
        bare = load_with_head(host, SMALLEST if parts else None)
        model = attach(bare, technique["method"], technique, seed=seed, head=head)
        facts = {"technique": technique["method"], "note": note(technique)}
        facts |= {"initialisation": "scratch", "rule": RULE, "seed": seed}
        hosts = {"target_host": card["host"], "target_weights_sha256": card["weights_sha256"]}
        module = Module(config_dict(model), module_tensors(model), facts | hosts | provenance)
        write_module(folder, module.without_head() if parts else module)
