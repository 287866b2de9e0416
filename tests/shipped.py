"""The two hosts that ship with the package, and one of them in other coordinates, as methods see them."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from peftport.adapters.host_files import read_host
from peftport.hosts.families.table import family
from peftport.hosts.locate import bundled_folder
from peftport.hosts.shape import SIZES
from peftport.maps.correspondence import Correspondence
from peftport.maps.pair import End, Pair
from peftport.maps.spaces import READS, Sited, locate
from peftport.maps.tokens import shared_tokens

FOLDERS: list[tempfile.TemporaryDirectory] = []
RAW, INSTRUCT = "reviews-raw", "reviews-instruct"


@functools.cache
def shipped(name: str) -> End:
    """A host that ships with the package."""
    return _end(name, bundled_folder(name))


@functools.cache
def turned(name: str, seed: int = 7) -> tuple[End, np.ndarray]:
    """A shipped host with its norms folded in and its stream rotated by Q, and Q."""
    end, folder = shipped(name), tempfile.TemporaryDirectory()
    FOLDERS.append(folder)
    width = end.card["shape"]["d_model"]
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))[0]
    stored = {key: value.astype(np.float64) for key, value in load_file(end.files.folder / "model.safetensors").items()}
    for key, value in stored.items():
        if (site := _site(key)) is not None:
            stored[key] = _carried(end, site, basis, value)
        elif "layer_norm" in key:
            stored[key] = np.ones_like(value)
        elif key == "lm_head.weight":
            stored[key] = (value * end.final_gain()) @ basis.T
        elif value.shape[1] == width:
            stored[key] = value @ basis.T
    save_file({key: value.astype(np.float32) for key, value in stored.items()}, Path(folder.name) / "model.safetensors")
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (Path(folder.name) / file).write_bytes((end.files.folder / file).read_bytes())
    return _end(f"{name} turned", Path(folder.name)), basis


def pair(source: End, target: End) -> Pair:
    """Two hosts, with the tokens that they share."""
    return Pair(source, target, lambda: shared_tokens(source, target))


def updates(end: End, by: Correspondence, rank: int = 4) -> dict[str, np.ndarray]:
    """Name of a weight to what a correspondence makes there of a random LoRA of the source; hosts of equal shapes."""
    rng, found = np.random.default_rng(5), {}
    for key, fact in sorted(end.files.tensors.items()):
        if (site := _site(key)) is None:
            continue
        (rows, columns), place = fact.shape, site.place
        at = (site.kind, place.stack, place.sublayer, (place.layer, place.layer))
        b = by.writing(*at).forward(rng.standard_normal((rows, rank)))
        found[key] = b @ by.reading(*at).back(rng.standard_normal((rank, columns)))
    return found


def in_turned(end: End, made: dict[str, np.ndarray], basis: np.ndarray) -> dict[str, np.ndarray]:
    """Updates of a host in the coordinates of what ``turned`` made of it."""
    return {key: _carried(end, _site(key), basis, delta) for key, delta in made.items()}


def _carried(end: End, site: Sited, basis: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A weight, or what is added to one, with the norm in front folded in and the stream rotated."""
    if READS[site.kind] not in ("read", "memory"):
        return basis @ weight
    return (weight * end.gain(site.place, memory=READS[site.kind] == "memory")) @ basis.T


def _site(key: str) -> Sited | None:
    try:
        return locate(family("t5"), key.removesuffix(".weight"))
    except ValueError:
        return None


def _end(name: str, folder: Path) -> End:
    config = json.loads((folder / "config.json").read_text())
    shape = {
        size: next(config[key] for key in keys if key in config)
        for size, keys in SIZES.items()
        if size != "key_value_heads"
    }
    layers = {"encoder_layers": shape["layers"], "decoder_layers": shape["decoder_layers"]}
    shape |= layers | {"key_value_heads": shape["heads"], "vocabulary": config["vocab_size"]}
    return End({"host": name, "model_type": "t5", "shape": shape}, read_host(folder))
