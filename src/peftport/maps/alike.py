"""What two hosts must have in common so that their weights can be matched, told from their cards."""

from peftport.hosts.families.table import family
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import refusal
from peftport.storage.provenance import JsonObject


def unlike(source_card: JsonObject, target_card: JsonObject, settings: MapSettings) -> list[str]:
    """Why weights of two hosts cannot be matched, one line each."""
    kinds = [family(card["model_type"]) for card in (source_card, target_card)]
    if reasons := list(dict.fromkeys(reason for kind in kinds if (reason := refusal(kind)) is not None)):
        return reasons
    names = " and ".join(f"{card.get('host', '?')} ({card['model_type']})" for card in (source_card, target_card))
    streams = [kind.stream for kind in kinds]
    layouts = [[(part.stack, part.name) for part in stream.sublayers] for stream in streams]
    if layouts[0] != layouts[1]:
        shown = [", ".join(f"{stack} {name}" for stack, name in layout) for layout in layouts]
        return [f"{names} have other sub-layers: {shown[0]}; {shown[1]}"]
    reasons = []
    if streams[0].centred != streams[1].centred:
        reasons.append(f"norms of one of {names} take the mean away and those of the other do not")
    before = [[part.norm is not None for part in stream.sublayers] for stream in streams]
    if before[0] != before[1]:
        reasons.append(f"norms stand in front of the sub-layers of one of {names} and behind those of the other")
    if streams[0].rotary != streams[1].rotary:
        reasons.append(f"one of {names} rotates queries and keys by their positions and the other does not")
    shapes = [card["shape"] for card in (source_card, target_card)]
    for card, shape in zip((source_card, target_card), shapes, strict=True):
        if shape.get("embedding", shape["d_model"]) != shape["d_model"]:
            reasons.append(
                f"embeddings of {card.get('host', '?')} are {shape['embedding']} wide and its stream "
                f"{shape['d_model']}: they say nothing of the stream"
            )
    if settings.rope:
        if not streams[0].rotary:
            reasons.append(f"`rope: true` is for hosts with rotary positions, which {names} do not have")
        elif shapes[0].get("d_kv") != shapes[1].get("d_kv"):
            widths = " and ".join(str(shape.get("d_kv")) for shape in shapes)
            reasons.append(f"`rope: true` turns pairs of coordinates, and heads of {names} are {widths} wide")
    return reasons


def small_vocabulary(source_card: JsonObject, target_card: JsonObject) -> list[str]:
    """That no number of shared tokens can be enough, one line; empty where it can be."""
    sizes = [card["shape"].get("vocabulary") for card in (source_card, target_card)]
    width = source_card["shape"]["d_model"]
    if None in sizes or min(sizes) >= width:
        return []
    few = f"vocabularies of {sizes[0]} and {sizes[1]} tokens share too few"
    return [f"{few}: a map of a stream of {width} coordinates takes at least {width}"]
