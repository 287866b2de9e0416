"""Extract module directories from the trained state of a source; needs no torch."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from peftport.files import read_json
from peftport.modules import Module, describe, write_module
from peftport.tables import write_table
from peftport.techniques.table import NOTES


def extract_modules(state: Path, config: Path, folders: dict[int, Path], made: dict[str, Any]) -> None:
    """Write one module directory per seed, with ``tensors.parquet`` beside it.

    Args:
        state: the source's tensors, named ``<seed>/<name>``.
        config: what the source training wrote beside it.
        folders: seed to module directory.

    Raises:
        ValueError: the state is damaged or lacks a seed.
    """
    try:
        tensors = load_file(state)
    except SafetensorError as error:
        raise ValueError(f"{state} is damaged: {error}. Delete it; the next run makes it again.") from error
    facts = read_json(config)
    for seed, folder in folders.items():
        own = {name.split("/", 1)[1]: tensor for name, tensor in tensors.items() if name.split("/", 1)[0] == str(seed)}
        if not own:
            raise ValueError(f"{state} holds no module of seed {seed}. Delete it; the next run makes it again.")
        card = {
            "technique": facts["technique"]["method"],
            "settings": facts["technique"],
            "note": NOTES.get(facts["technique"]["method"]),
            "host": facts["host"]["host"],
            "host_model_type": facts["host"]["model_type"],
            "host_shape": facts["host"]["shape"],
            "host_sha256": facts["host"]["weights_sha256"],
            "dataset": facts["names"]["dataset"],
            "seed": seed,
            "source_key": facts["key"],
            **made,
        }
        module = Module(facts["adapter_config"], own, card)
        write_module(folder, module)
        write_table(Path(folder) / "tensors.parquet", describe(module), "tensors", made)
