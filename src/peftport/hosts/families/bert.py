"""BERT and encoders of its layout: post-norm sub-layers whose output ``Dropout`` stands before the residual sum.

What differs between them is a row of ``HOSTS``. ELECTRA is its generator: the discriminator has no words to answer
with. DeBERTa-v2 (and v3) has one of two heads, by ``legacy`` in its config; published files carry the newer one. Its
projections of queries and keys read the table of relative positions too, so a module on them moves both.
"""

from peftport.hosts.families.one_stack import Below, Facts, encoder
from peftport.hosts.sites import Family
from peftport.hosts.stream import Stream, Sublayer

POSITIONS = r"\w+\.embeddings\.position_ids"  # a buffer that old checkpoints carry
# next-sentence prediction: checkpoints carry it, the masked language model does not use it
BERT_LEFT = rf"\w+\.pooler\..+|cls\.seq_relationship\..+|{POSITIONS}"
ROBERTA: Facts = {"head": ("lm_head.decoder.weight",), "below_head": "roberta", "passed_over": BERT_LEFT}
ROBERTA |= {"first_position": 2}  # it counts from behind the id of its padding token
ROBERTA |= {"classification": ("classifier",), "language_model_head": r"lm_head\..+"}
LAYER = "encoder.layer.{layer}"
STREAM = Stream(
    "embeddings.word_embeddings",
    (
        Sublayer("encoder", "self", (f"{LAYER}.attention",), None),
        Sublayer("encoder", "feed_forward", (f"{LAYER}.intermediate", f"{LAYER}.output"), None),
    ),
    centred=True,
)
ROBERTA |= {"stream": STREAM}

HOSTS: dict[str, Facts] = {
    "bert": {
        "head": ("cls.predictions.decoder.weight",),
        "below_head": "bert",
        "passed_over": BERT_LEFT,
        "classification": ("bert.pooler", "classifier"),
        "language_model_head": r"cls\..+",
        "stream": STREAM,
    },
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "electra": {
        "head": ("generator_lm_head.weight",),
        "below_head": "electra",
        "passed_over": POSITIONS,
        "told": {r"discriminator_predictions\..+": "a discriminator writes no words; take the generator"},
        "classification": ("classifier",),
        "language_model_head": r"(generator_predictions|generator_lm_head|discriminator_predictions)\..+",
    },
    "deberta-v2": {
        "head": ("cls.predictions.decoder.weight",),
        "below_head": "deberta",
        "passed_over": POSITIONS,
        "told": {r"lm_predictions\..+": "these weights have the newer head; set legacy to false in config.json"},
        "attention_implementation": "eager",  # transformers has no other for it
        "classification": ("pooler", "classifier"),
        "language_model_head": r"(cls|lm_predictions|mask_predictions)\..+",
        "lacks": {
            "encoder_self": "disentangled attention scores a key by its place too, and the keys of a prefix have none"
        },
    },
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    row, leaf = HOSTS[name], "_proj" if name == "deberta-v2" else ""
    below: Below = {
        "attention": "attention.output.dropout",
        "feed_forward": "output.dropout",
        "attention_block": "attention",
        "encoder_self": "attention.self",
        "norm": ("attention.output.LayerNorm", "output.LayerNorm"),
        **{kind[0]: f"attention.self.{kind}{leaf}" for kind in ("query", "key", "value")},
        **{"o": "attention.output.dense", "wi": "intermediate.dense", "wo": "output.dense"},
    }
    there = {kind: parts for kind, parts in below.items() if kind not in row.get("lacks", {})}
    return encoder(name, LAYER, there, norm_tensors=2, **row)
