import numpy as np
import pytest

from peftport.storage.modules import Module

PLACE = "base_model.model.encoder.block.0.layer.0.SelfAttention"


def build(seed=0, **sizes):
    """A module with a LoRA pair, a large tensor, tensors that are all ones, all zeros and of one entry, and a head."""
    rng = np.random.default_rng(seed)
    inputs, outputs, rank = (sizes.get(name, default) for name, default in (("i", 64), ("o", 48), ("r", 4)))
    tensors = {
        f"{PLACE}.q.lora_A.weight": rng.normal(0.02, 0.1, (rank, inputs)),
        f"{PLACE}.q.lora_B.weight": rng.normal(-0.01, 0.3, (outputs, rank)),
        f"{PLACE}.dropout.down_weight": rng.exponential(2.0, (400, 250)),
        f"{PLACE}.ia3_l": np.ones(30),
        f"{PLACE}.bias": np.zeros(30),
        "base_model.model.classifier.weight": rng.normal(0.0, 0.02, (2, inputs)),
        "base_model.scale": np.full((1,), 0.7),
    }
    strength = 3.0 ** -np.arange(rank)  # what training does to a pair: a rank strong in A is strong in B
    tensors[f"{PLACE}.q.lora_A.weight"] *= strength[:, None]
    tensors[f"{PLACE}.q.lora_B.weight"] *= strength
    card = {
        "technique": "lora",
        "host": "raw",
        "dataset": "films",
        "seed": seed,
        "key": "k",
        "labels": ["bad", "good"],
        "weights_sha256": f"w{seed}",
    }
    config = {"peft_type": "LORA", "r": rank, "base_model_name_or_path": "raw", "modules_to_save": ["classifier"]}
    return Module(config, {name: tensor.astype(np.float32) for name, tensor in sorted(tensors.items())}, card)


@pytest.fixture
def make_module():
    return build


@pytest.fixture
def module():
    return build()
