"""DistilBERT: an encoder without token types; its attention ends in a projection, its feed-forward in a ``Dropout``."""

from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer = "transformer.layer.{layer}"
    sites: Sites = {
        "attention": (("encoder", f"{layer}.attention.out_lin"),),
        "feed_forward": (("encoder", f"{layer}.ffn.dropout"),),
        "encoder_self": (("encoder", f"{layer}.attention"),),
        "norm": (("encoder", f"{layer}.sa_layer_norm"), ("encoder", f"{layer}.output_layer_norm")),
    }
    leaves = {kind: f"attention.{kind}_lin" for kind in ("q", "k", "v")}
    leaves |= {"o": "attention.out_lin", "wi": "ffn.lin1", "wo": "ffn.lin2"}
    sites |= projections((("encoder", layer),), leaves)
    return Family(
        name,
        lm_type="masked",
        head=("vocab_projector.weight",),
        task=None,  # as BERT's
        layers={"encoder": "n_layers"},
        feed_forward="hidden_dim",
        sites=sites,
        norm_tensors=2,
        passed_over=r"distilbert\.embeddings\.position_ids",  # a buffer that old checkpoints carry
        lacks={"attention_block": "the layer itself adds the residual, in no submodule of its own"},
    )
