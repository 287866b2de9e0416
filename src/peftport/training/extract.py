"""Extract module directories from the trained state of a source; needs no torch."""

from pathlib import Path

from peftport.storage.cards import read_card
from peftport.storage.files import DamagedFile, file_digest
from peftport.storage.modules import Module, read_tensors, write_module
from peftport.storage.parquet import write_table
from peftport.storage.provenance import JsonObject
from peftport.storage.tensor_table import describe
from peftport.techniques.table import note


def extract_modules(state: Path, config: Path, folders: dict[int, Path], provenance: JsonObject) -> None:
    """Write one module directory per seed, with ``tensors.parquet`` beside it.

    Args:
        state: the source's tensors, named ``<seed>/<name>``.
        config: what the source training wrote beside it.
        folders: seed to module directory.

    Raises:
        DamagedFile: the state is not what the training wrote, or lacks a seed.
    """
    facts = read_card(config)
    if file_digest(state) != facts.get("state_sha256"):
        raise DamagedFile(state, "its checksum is not the one in the card beside it")
    tensors = read_tensors(state)
    for seed, folder in folders.items():
        own = {name.split("/", 1)[1]: tensor for name, tensor in tensors.items() if name.split("/", 1)[0] == str(seed)}
        if not own:
            raise DamagedFile(state, f"it holds no module of seed {seed}")
        card = {
            "technique": facts["technique"]["method"],
            "settings": facts["technique"],
            "note": note(facts["technique"]),
            "host": facts["host"]["host"],
            "host_model_type": facts["host"]["model_type"],
            "host_shape": facts["host"]["shape"],
            "host_sha256": facts["host"]["weights_sha256"],
            "dataset": facts["names"]["dataset"],
            "seed": seed,
            "learning_rate": facts["learning_rate"][str(seed)],
            "source_key": facts["key"],
            "failed_at_step": facts["failed_at_step"].get(str(seed)),
            **({"labels": facts["labels"]} if "labels" in facts else {}),  # of its head's outputs, in their order
            **provenance,
        }
        module = Module(facts["adapter_config"], own, card)
        write_module(folder, module)
        write_table(Path(folder) / "tensors.parquet", describe(module), "tensors", provenance)
