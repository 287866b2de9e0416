"""The submodules of a host, told from the names of the tensors in its files and from what its family has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peftport.adapters.host_files import HostFiles

OUTPUTS = ("attention", "cross_attention", "feed_forward")
HEADS = ("lm_head", "classifier", "score", "cls", "embed_out")


@dataclass(frozen=True)
class HostModules:
    """The submodules of a host, named as in the model with its head.

    Attributes:
        names: all of them.
        weights: those with a weight in the host's files, to its shape as (outputs, inputs) where it has two sizes.
        tensors: names of all tensors.
    """

    names: frozenset[str]
    weights: Mapping[str, tuple[int, ...]]
    tensors: frozenset[str]


def host_modules(host: HostFiles) -> HostModules:
    """The submodules of a host: those that its tensors are in, and the outputs of its sub-layers."""
    spelled, prefix = spelled_names(host), _prefix(host)
    weights = {}
    for full, name in spelled.items():
        if name.endswith(".weight"):
            site, shape = full.removesuffix(".weight"), host.tensors[name].shape
            weights[site] = shape[::-1] if stored_transposed(host, site, shape) else shape
    names = {parent for name in spelled for parent in _parents(name)}
    names |= set(_sites_of_the_family(host, prefix, names))
    return HostModules(frozenset(names), weights, frozenset(spelled))


def stored_transposed(host: HostFiles, site: str, shape: tuple[int, ...]) -> bool:
    """Whether a weight of this shape in a host's files is (inputs, outputs)."""
    return host.transposed and len(shape) == 2 and ".wte" not in f".{site}" and ".wpe" not in f".{site}"


def spelled_names(host: HostFiles) -> dict[str, str]:
    """Names of a host's tensors as in the model with its head, to those in its files, which may lack the first part."""
    prefix = _prefix(host)
    if not prefix or any(name.startswith(f"{prefix}.") for name in host.tensors):
        return {name: name for name in host.tensors}
    heads = {*HEADS, *((name.partition(".")[0] for name in host.family.head) if host.family else ())}
    return {name if name.partition(".")[0] in heads else f"{prefix}.{name}": name for name in host.tensors}


def _prefix(host: HostFiles) -> str:
    return host.family.below_head if host.family else ""


def _sites_of_the_family(host: HostFiles, prefix: str, names: set[str]) -> Iterable[str]:
    """The sites of its family, in all layers that are there, that may have no tensors (``Dropout``)."""
    places = [host.family.sites.get(kind, ()) for kind in OUTPUTS] if host.family else []
    for template in {template for sites in places for _, template in sites}:
        front, _, behind = f"{prefix}.{template}".removeprefix(".").partition("{layer}")
        layer = 0
        while f"{front}{layer}" in names:
            yield f"{front}{layer}{behind}"
            layer += 1


def _parents(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))
