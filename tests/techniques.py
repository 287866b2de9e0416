"""Small settings of every technique, for tests; a new technique adds its entry here."""

from typing import Any

BOTTLENECK = {"bottleneck": None, "reduction_factor": 4, "non_linearity": "gelu"}

SETTINGS: dict[str, dict[str, Any]] = {
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

# what the seven do not cover: choices that change which parameters there are
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, settings) for name, settings in SETTINGS.items()},
    "adapters, cross": (
        "adapters",
        SETTINGS["adapters"] | {"sites": ["attention", "cross_attention", "feed_forward"], "bottleneck": 3},
    ),
    "adapters, shared": ("adapters", SETTINGS["adapters"] | {"share": "layers"}),
    "compacter, rule per site": ("compacter", SETTINGS["compacter"] | {"share_rule": False}),
    "prefix_tuning, flat": ("prefix_tuning", SETTINGS["prefix_tuning"] | {"reparameterisation": None}),
    "lora, all": ("lora", SETTINGS["lora"] | {"targets": ["q", "k", "v", "o", "wo"]}),
}
