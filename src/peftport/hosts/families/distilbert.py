"""DistilBERT: an encoder without token types; its attention ends in a projection, its feed-forward in a ``Dropout``."""

from peftport.hosts.families.one_stack import ADDED_BY_THE_LAYER, encoder
from peftport.hosts.sites import Family

BELOW = {
    **{"attention": "attention.out_lin", "feed_forward": "ffn.dropout", "encoder_self": "attention"},
    "norm": ("sa_layer_norm", "output_layer_norm"),
    **{kind: f"attention.{kind}_lin" for kind in ("q", "k", "v")},
    **{"o": "attention.out_lin", "wi": "ffn.lin1", "wo": "ffn.lin2"},
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    return encoder(
        name,
        "transformer.layer.{layer}",
        BELOW,
        head=("vocab_projector.weight",),
        below_head="distilbert",
        layers={"encoder": "n_layers"},
        feed_forward="hidden_dim",
        norm_tensors=2,
        passed_over=r"distilbert\.embeddings\.position_ids",  # a buffer that old checkpoints carry
        classification=("pre_classifier", "classifier"),
        language_model_head=r"vocab_(transform|layer_norm|projector)\..+",
        lacks={"attention_block": ADDED_BY_THE_LAYER},
    )
