"""Whether a module of one host can be copied into another, from their cards alone."""

from collections.abc import Mapping

from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject

_NO_OBSTACLE = frozenset({"vocabulary"})  # no technique here has a tensor of the vocabulary's shape


def differences(source_card: JsonObject, target_card: JsonObject) -> list[str]:
    """What keeps a module of the source host out of the target host, one line each; empty when nothing does."""
    source, target = _comparable(source_card), _comparable(target_card)
    here, there = source_card.get("host"), target_card.get("host")
    return [
        f"{name}: {source.get(name, 'none')} in {here}, {target.get(name, 'none')} in {there}"
        for name in dict.fromkeys((*source, *target))
        if source.get(name) != target.get(name)
    ]


def notes(source_card: JsonObject, target_card: JsonObject) -> list[str]:
    """Differences that do not keep a module out but that a reader should know of, one line each."""
    lines = []
    sizes = [card.get("shape", {}).get("vocabulary") for card in (source_card, target_card)]
    if sizes[0] != sizes[1]:
        lines.append(f"vocabulary: {sizes[0]} against {sizes[1]} entries; no tensor of a module has this size")
    if source_card.get("tokenizer_sha256") != target_card.get("tokenizer_sha256"):
        lines.append("tokenizer: the hosts do not cut text into the same tokens")
    numbers = [card.get("precision", "that of the study") for card in (source_card, target_card)]
    if numbers[0] != numbers[1]:
        lines.append(f"precision: {numbers[0]} against {numbers[1]}; modules are in float32 on both")
    return lines


def refuse_unless_compatible(source_card: JsonObject, target_card: JsonObject) -> None:
    """Check that plain copying is possible.

    Raises:
        ValueError: it is not; the message lists every difference, one per line.
    """
    if lines := differences(source_card, target_card):
        pair = f"{source_card.get('host')} -> {target_card.get('host')}"
        raise ValueError(f"a module cannot be copied {pair}: the hosts differ in\n  " + "\n  ".join(lines))


def module_fits(module: Module, expected_shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """How a module's tensors differ from those that are expected, one line each; empty when they fit.

    Args:
        expected_shapes: tensor names to shapes, as the technique makes them in the target host.
    """
    shapes, lines = module.shapes(), []
    for name in sorted({*shapes, *expected_shapes}):
        if name not in shapes:
            lines.append(f"{name}: missing, expected {_size(expected_shapes[name])}")
        elif name not in expected_shapes:
            lines.append(f"{name}: not expected, found {_size(shapes[name])}")
        elif tuple(shapes[name]) != tuple(expected_shapes[name]):
            lines.append(f"{name}: expected {_size(expected_shapes[name])}, found {_size(shapes[name])}")
    return lines


def _comparable(card: JsonObject) -> JsonObject:
    shape = {name: size for name, size in card.get("shape", {}).items() if name not in _NO_OBSTACLE}
    head = {"head": card.get("head", "language_model"), "head that belongs to modules": card.get("head_parts")}
    return {"family": card.get("family"), "model_type": card.get("model_type")} | head | shape


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape) or "one number"
