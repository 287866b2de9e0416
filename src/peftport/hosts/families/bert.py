"""BERT and encoders of its layout: post-norm sub-layers whose output ``Dropout`` stands before the residual sum.

What differs between them is a row of ``HOSTS``. ELECTRA is its generator: the discriminator has no words to answer
with. DeBERTa-v2 (and v3) has one of two heads, by ``legacy`` in its config; published files carry the newer one. Its
projections of queries and keys read the table of relative positions too, so a module on them moves both.
"""

from typing import Any

from peftport.hosts.sites import Family, Sites, projections

POSITIONS = r"\w+\.embeddings\.position_ids"  # a buffer that old checkpoints carry
# next-sentence prediction: checkpoints carry it, the masked language model does not use it
BERT_LEFT = rf"\w+\.pooler\..+|cls\.seq_relationship\..+|{POSITIONS}"
ROBERTA: dict[str, Any] = {"head": ("lm_head.decoder.weight",), "passed_over": BERT_LEFT}
ROBERTA |= {"first_position": 2}  # it counts from behind the id of its padding token

HOSTS: dict[str, dict[str, Any]] = {
    "bert": {"head": ("cls.predictions.decoder.weight",), "passed_over": BERT_LEFT},
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "electra": {
        "head": ("generator_lm_head.weight",),
        "passed_over": POSITIONS,
        "told": {r"discriminator_predictions\..+": "a discriminator writes no words; take the generator"},
    },
    "deberta-v2": {
        "head": ("cls.predictions.decoder.weight",),
        "passed_over": POSITIONS,
        "told": {r"lm_predictions\..+": "these weights have the newer head; set legacy to false in config.json"},
        "attention_implementation": "eager",  # transformers has no other for it
        "lacks": {
            "encoder_self": "disentangled attention scores a key by its place too, and the keys of a prefix have none"
        },
    },
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer, leaf = "encoder.layer.{layer}", "_proj" if name == "deberta-v2" else ""
    sites: Sites = {
        "attention": (("encoder", f"{layer}.attention.output.dropout"),),
        "feed_forward": (("encoder", f"{layer}.output.dropout"),),
        "attention_block": (("encoder", f"{layer}.attention"),),
        "encoder_self": (("encoder", f"{layer}.attention.self"),),
        "norm": (("encoder", f"{layer}.attention.output.LayerNorm"), ("encoder", f"{layer}.output.LayerNorm")),
    }
    leaves = {kind[0]: f"attention.self.{kind}{leaf}" for kind in ("query", "key", "value")}
    leaves |= {"o": "attention.output.dense", "wi": "intermediate.dense", "wo": "output.dense"}
    sites |= projections((("encoder", layer),), leaves)
    row = HOSTS[name]
    return Family(
        name,
        lm_type="masked",
        # peft 0.21 has no type for masked language models: as FEATURE_EXTRACTION a prompt makes the rows longer and not
        # their labels, and disable_adapter() asks the host for what only hosts that generate have
        task=None,
        layers={"encoder": "num_hidden_layers"},
        feed_forward="intermediate_size",
        sites={kind: places for kind, places in sites.items() if kind not in row.get("lacks", {})},
        norm_tensors=2,
        **row,
    )
