"""BERT and RoBERTa: encoders with post-norm sub-layers whose output ``Dropout`` stands before the residual sum."""

from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer = "encoder.layer.{layer}"
    sites: Sites = {
        "attention": (("encoder", f"{layer}.attention.output.dropout"),),
        "feed_forward": (("encoder", f"{layer}.output.dropout"),),
        "attention_block": (("encoder", f"{layer}.attention"),),
        "encoder_self": (("encoder", f"{layer}.attention.self"),),
        "norm": (("encoder", f"{layer}.attention.output.LayerNorm"), ("encoder", f"{layer}.output.LayerNorm")),
    }
    leaves = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
    leaves |= {"o": "attention.output.dense", "wi": "intermediate.dense", "wo": "output.dense"}
    sites |= projections((("encoder", layer),), leaves)
    return Family(
        name,
        lm_type="masked",
        head=("cls.predictions.decoder.weight", "lm_head.decoder.weight"),
        # peft 0.21 has no type for masked language models: as FEATURE_EXTRACTION a prompt makes the rows longer and not
        # their labels, and disable_adapter() asks the host for what only hosts that generate have
        task=None,
        layers={"encoder": "num_hidden_layers"},
        feed_forward="intermediate_size",
        sites=sites,
        norm_tensors=2,
        first_position=2 if name == "roberta" else 0,  # RoBERTa counts from behind the id of its padding token
        # next-sentence prediction and a buffer: checkpoints carry them, the masked language model does not use them
        passed_over=r"\w+\.pooler\..+|cls\.seq_relationship\..+|\w+\.embeddings\.position_ids",
    )
