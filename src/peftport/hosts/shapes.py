"""The shape of a host as far as it is known without loading it: from its ``config.json``, or from its recipe."""

import json
from pathlib import Path
from typing import Any

from peftport.hosts.locate import host_folder

# Size to its names in a config.json; the first that is there and not null counts.
SIZES = {
    "d_model": ("d_model", "hidden_size", "n_embd"),
    "d_kv": ("d_kv", "head_dim"),
    "d_ff": ("d_ff", "intermediate_size", "n_inner"),
    "heads": ("num_heads", "num_attention_heads", "n_head"),
    "layers": ("num_layers", "num_hidden_layers", "n_layer"),
    "decoder_layers": ("num_decoder_layers",),
}


def declared(name: str, hosts: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """What a host's card will say of its shape: ``host``, ``model_type`` and the sizes that are known.

    Args:
        hosts: the config's hosts, checked and with defaults filled in.
        folder: where relative paths in the config start.

    Returns:
        None where nothing is known before the host is there (a hub's host).

    Raises:
        ValueError: its ``config.json`` is damaged.
    """
    definition = hosts[name]
    if "hub" in definition:
        return None
    if "build" in definition:
        recipe = definition["build"]
        if "base" in recipe:
            below = declared(recipe["base"], hosts, folder)
            return None if below is None else below | {"host": name}
        shape, made = recipe["shape"], recipe["family"]
        sizes = {size: shape[size] for size in ("d_model", "d_ff", "heads", "layers")}
        sizes |= {"d_kv": shape["d_model"] // shape["heads"]}
        sizes |= {"decoder_layers": shape["layers"]} if made == "t5" else {}
        return {"host": name, "model_type": made, "shape": sizes}
    file = host_folder(definition, folder, folder) / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file} is no mapping")
    found = {size: [config[key] for key in keys if config.get(key) is not None] for size, keys in SIZES.items()}
    shape = {size: values[0] for size, values in found.items() if values}
    return {"host": name, "model_type": config.get("model_type"), "shape": shape}


def common(first: dict[str, Any], second: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two of them with only the sizes that both know."""
    sizes = first["shape"].keys() & second["shape"].keys()
    pair = (first, second)
    return tuple(one | {"shape": {size: one["shape"][size] for size in SIZES if size in sizes}} for one in pair)
