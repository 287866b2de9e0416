"""STAND-IN."""

LAWS = {"lora": "peftport.maps.laws.lora", "adapters": "peftport.maps.laws.adapters"}


def refusals(name, settings, source_card, target_card):
    return []
