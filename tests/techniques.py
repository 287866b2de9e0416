"""Small settings of every technique, for tests; a new technique adds its entry here."""

from typing import Any

BOTTLENECK = {"bottleneck": None, "reduction_factor": 4, "non_linearity": "gelu"}
QV = {"targets": ["q", "v"]}

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
    "ln_tuning": {},
    "dora": QV | {"r": 2, "lora_alpha": 4, "lora_dropout": 0.0},
    "vera": QV | {"r": 4, "projection_prng_key": 0, "vera_dropout": 0.0, "d_initial": 0.1},
}

# peft's own that need one line of a table: their laws are in tests/matrix/test_technique_of_peft.py
FROM_PEFT: dict[str, dict[str, Any]] = {
    "dora": SETTINGS["dora"],
    "vera": SETTINGS["vera"],
    "pvera": QV | {"r": 4, "projection_prng_key": 0, "pvera_dropout": 0.0, "d_initial": 0.1},
    "randlora": QV
    | {"r": 3, "projection_prng_key": 0, "sparse": False, "very_sparse": False, "randlora_dropout": 0.0}
    | {"randlora_alpha": 4},
    "unilora": QV | {"r": 2, "proj_seed": 42, "theta_d_length": 16, "unilora_dropout": 0.0, "init_theta_d_bound": 0.02},
    "vblora": QV
    | {"r": 2, "num_vectors": 8, "vector_length": 4, "topk": 2, "vblora_dropout": 0.0}
    | {"init_vector_bank_bound": 0.5, "init_logits_std": 0.1},
    "loha": QV | {"r": 2, "alpha": 4, "rank_dropout": 0.0, "module_dropout": 0.0},
    "lokr": QV | {"r": 1, "alpha": 4, "decompose_both": True, "rank_dropout": 0.0, "module_dropout": 0.0},
    "hira": QV | {"r": 2, "hira_dropout": 0.0},
    "gralora": QV | {"r": 4, "alpha": 4, "gralora_dropout": 0.0, "gralora_k": 2},
    "deft": QV | {"r": 2, "decomposition_method": "qr", "init_scale": 1.0, "deft_dropout": 0.0},
    "hra": QV | {"r": 2, "apply_GS": False},
    "oft": QV
    | {"oft_block_size": 4, "module_dropout": 0.0, "coft": False, "eps": 6e-05, "block_share": False}
    | {"use_cayley_neumann": True},
    "c3a": QV | {"block_size": 8},
    "fourierft": QV | {"n_frequency": 8, "scaling": 150.0, "random_loc_seed": 777},
    "waveft": QV
    | {"n_frequency": 8, "scaling": 25.0, "wavelet_family": "db1", "use_idwt": True, "random_loc_seed": 777},
    "miss": QV | {"r": 2, "miss_dropout": 0.0},
    "peanut": QV | {"r": 2, "depth": 1, "act_fn": "gelu", "scaling": 1.0},
    "road": QV | {"variant": "road_2", "group_size": 8},
    "beft": QV,
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
