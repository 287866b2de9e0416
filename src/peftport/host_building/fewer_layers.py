"""A host with some of its layers alone: where a shallower host of the same kind begins."""

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors import safe_open
from transformers import AutoConfig

from peftport.host_building.version_files import copy_files_beside, save_weights
from peftport.hosts.families.table import family
from peftport.hosts.load import weight_files
from peftport.hosts.shape import missing_layer
from peftport.hosts.sites import Family
from peftport.storage.provenance import JsonObject

OF_EACH_LAYER = "layer_types"  # what configs call a list with one entry a layer


@contextmanager
def with_layers(base: Path, layers: Sequence[int] | None) -> Iterator[Path]:
    """A folder with the host in ``base`` as it is without its other layers; ``base`` itself where all of them stay.

    The layers that stay are numbered anew, in their order, in every stack. All other tensors are the base's, byte by
    byte, in one file, and so are its files beside the weights but for the numbers of layers in ``config.json``. The
    folder goes with the context.

    Args:
        layers: rising numbers of the layers that stay, from 0.

    Raises:
        ValueError: a stack of the host has no such layer.
    """
    if layers is None:
        yield base
        return
    with tempfile.TemporaryDirectory(prefix="peftport-layers-") as scratch:
        folder = Path(scratch)
        config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        kind, place = family(config.model_type), {old: new for new, old in enumerate(layers)}
        changed = _changed(config, kind, layers)
        copy_files_beside(base, folder)
        said = json.loads((base / "config.json").read_text(encoding="utf-8")) | changed
        (folder / "config.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        pattern, kept = _in_layer(kind), {}
        for file in weight_files(base):
            with safe_open(file, "pt") as tensors:
                names = {name: _renamed(name, pattern, place) for name in tensors.keys()}  # noqa: SIM118 - no dict
                kept |= {new: tensors.get_tensor(old) for old, new in names.items() if new is not None}
        save_weights(kept, folder)
        yield folder


def _changed(config: AutoConfig, kind: Family, layers: Sequence[int]) -> JsonObject:
    """What ``config.json`` says otherwise of a host with these layers alone."""
    changed: JsonObject = {}
    for stack, attribute in kind.layers.items():
        if (lacking := missing_layer(layers, getattr(config, attribute))) is not None:
            raise ValueError(f"keep_layers: the host's {stack} has {lacking}")
        changed[config.attribute_map.get(attribute, attribute)] = len(layers)
    if (types := getattr(config, OF_EACH_LAYER, None)) is not None:
        changed[OF_EACH_LAYER] = [types[layer] for layer in layers]
    return changed


def _in_layer(kind: Family) -> re.Pattern[str]:
    """A pattern for tensors of layers: what stands before the layer's number, the number, and what stands behind."""
    before = {name.partition("{layer}")[0] for places in kind.sites.values() for _, name in places}
    return re.compile(rf"((?:.+\.)?(?:{'|'.join(map(re.escape, sorted(before)))}))(\d+)(\..+)")


def _renamed(name: str, pattern: re.Pattern[str], place: dict[int, int]) -> str | None:
    """A tensor's name in the shallower host; None where its layer went."""
    if (found := pattern.fullmatch(name)) is None:
        return name
    new = place.get(int(found[2]))
    return None if new is None else f"{found[1]}{new}{found[3]}"
