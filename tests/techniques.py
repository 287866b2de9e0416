"""Small settings of every technique, for tests; a new technique adds its entry here."""

from peftport.storage.provenance import JsonObject

BOTTLENECK = {"bottleneck": None, "reduction_factor": 4, "non_linearity": "gelu"}

SETTINGS: dict[str, JsonObject] = {
    "adapters": BOTTLENECK | {"sites": ["attention", "feed_forward"], "init_std": 0.05, "share": "none"},
    "compacter": BOTTLENECK
    | {"sites": ["attention", "feed_forward"], "division": 4, "rank": 1, "rule_std": 0.05, "glorot_gain": 1.4}
    | {"share_rule": True},
    "lora": {"rank": 2, "alpha": 4, "dropout": 0.0, "targets": ["q", "v"]},
    "prefix_tuning": {"length": 3, "reparameterisation": 5, "init_std": 0.1, "attentions": None},
    "prompt_tuning": {"length": 3, "start": "random"},
    "ia3": {"targets": ["k", "v", "wo"]},
    "tiny_attention": {"width": 2, "heads": 1, "dropout": 0.1, "out_scale": 1.0},
}
# two techniques in one module
PARTS: dict[str, list[str]] = {
    "hybrid": ["lora", "adapters"],
    "hybrid, prefix in LoRA": ["lora", "prefix_tuning"],
    "hybrid, one projection": ["lora", "ia3"],
    "hybrid, shared rule": ["compacter", "prefix_tuning"],
    "hybrid, one sub-layer": ["adapters", "compacter"],
    "hybrid, block": ["prefix_tuning", "tiny_attention"],
}
HYBRIDS: dict[str, JsonObject] = {
    name: {"parts": {part: SETTINGS[part] for part in parts}} for name, parts in PARTS.items()
}
SETTINGS["hybrid"] = HYBRIDS["hybrid"]

# types of peft's by what the typology calls them: their laws are in tests/matrix/test_technique_of_peft.py
FROM_PEFT: dict[str, JsonObject] = {
    "ln_tuning": {"peft_type": "LN_TUNING"},
    "dora": {"peft_type": "LORA", "use_dora": True, "r": 2, "lora_alpha": 4},
    "vera": {"peft_type": "VERA", "r": 4},
    "pvera": {"peft_type": "PVERA", "r": 4},
    "randlora": {"peft_type": "RANDLORA", "r": 3, "randlora_alpha": 4},
    "unilora": {"peft_type": "UNILORA", "r": 2, "theta_d_length": 16},
    "vblora": {"peft_type": "VBLORA", "r": 2, "num_vectors": 8, "vector_length": 4, "init_vector_bank_bound": 0.5},
    "loha": {"peft_type": "LOHA", "r": 2, "alpha": 4},
    "lokr": {"peft_type": "LOKR", "r": 1, "alpha": 4, "decompose_both": True},
    "hira": {"peft_type": "HIRA", "r": 2},
    "gralora": {"peft_type": "GRALORA", "r": 4, "alpha": 4},
    "deft": {"peft_type": "DEFT", "r": 2, "decomposition_method": "qr"},
    "hra": {"peft_type": "HRA", "r": 2},
    "oft": {"peft_type": "OFT", "oft_block_size": 4},
    "c3a": {"peft_type": "C3A", "block_size": 8},
    "fourierft": {"peft_type": "FOURIERFT", "n_frequency": 8},
    "waveft": {"peft_type": "WAVEFT", "n_frequency": 8},
    "miss": {"peft_type": "MISS", "r": 2},
    "peanut": {"peft_type": "PEANUT", "r": 2, "depth": 1, "act_fn": "gelu"},
    "road": {"peft_type": "ROAD", "variant": "road_2", "group_size": 8},
    "beft": {"peft_type": "BEFT"},
}


def of_name(name: str) -> tuple[str, JsonObject]:
    """Method and settings of a technique, or of one of peft's own."""
    return ("peft", FROM_PEFT[name]) if name in FROM_PEFT else (name, SETTINGS[name])


def fused(settings: JsonObject) -> JsonObject:
    """Settings for a host whose queries, keys and values are one matrix."""
    if "parts" in settings:
        return {"parts": {name: fused(part) for name, part in settings["parts"].items()}}
    return settings | {"targets": ["qkv", "wo"]} if "targets" in settings else settings


# what the seven do not cover: choices that change which parameters there are
VARIANTS: dict[str, tuple[str, JsonObject]] = {
    **{name: (name, settings) for name, settings in SETTINGS.items()},
    "adapters, cross": (
        "adapters",
        SETTINGS["adapters"] | {"sites": ["attention", "cross_attention", "feed_forward"], "bottleneck": 3},
    ),
    "adapters, shared": ("adapters", SETTINGS["adapters"] | {"share": "layers"}),
    "compacter, rule per site": ("compacter", SETTINGS["compacter"] | {"share_rule": False}),
    "prefix_tuning, flat": ("prefix_tuning", SETTINGS["prefix_tuning"] | {"reparameterisation": None}),
    "lora, all": ("lora", SETTINGS["lora"] | {"targets": ["q", "k", "v", "o", "wo"]}),
    **{name: ("hybrid", settings) for name, settings in HYBRIDS.items()},
}
