"""A column of a table, and the columns that describe techniques (tables `costs` and `techniques`)."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, what it holds, and whether it may be null."""

    kind: pa.DataType
    meaning: str
    null: bool = False


TEXT, WHOLE, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TOKENS = pa.list_(pa.int32())

TYPOLOGY = {
    "method": Column(TEXT, "the PEFT method"),
    **{
        name: Column(TEXT, f"{meaning}; null for a method that the typology does not have", True)
        for name, meaning in {
            "intra_connectivity": "how the units of the module are connected with each other",
            "inter_connectivity": "how the module is connected with the host",
            "parameter_adaptation": "how parameters come to differ from the host's",
            "input_type": "what the module reads",
            "insertion_form": "where the module stands relative to the host's path",
            "number_of_insertions": "how often the module is inserted",
            "integration_form": "how the module's output joins the host's",
            "formula": "formula of the parameters; its symbols stand in typology.yaml",
        }.items()
    },
    "parameter_sharing": Column(TEXT, "whether insertions share tensors, measured: `none`, `some` or `all` parameters"),
}
MADE_OF = {
    "parameters": Column(WHOLE, "trainable parameters of the module"),
    "encoder_layer_parameters": Column(WHOLE, "of them in one encoder layer (the largest, where layers differ)"),
    "decoder_layer_parameters": Column(WHOLE, "of them in one decoder layer"),
    "other_parameters": Column(WHOLE, "of them that belong to no layer: a prompt, tensors that insertions share"),
    "shared_parameters": Column(WHOLE, "entries of the tensors that are used at several insertions"),
    "host_parameters": Column(WHOLE, "parameters of the host"),
    "storage_bytes": Column(WHOLE, "size of the module's adapter_model.safetensors"),
    "insertions": Column(WHOLE, "places in the host where the module is inserted"),
    "encoder_layer_insertions": Column(WHOLE, "of them in one encoder layer"),
    "decoder_layer_insertions": Column(WHOLE, "of them in one decoder layer"),
    "workspace": Column(TEXT, "parts of the host that the insertions belong to, measured"),
}
CARRIED = {
    "moves": Column(WHOLE, "number of (source host, dataset pair) moves to this host that were ported"),
    "ported_accuracy": Column(REAL, "mean over them of the ported modules' accuracy at the smallest budget", True),
    "ported_lift": Column(REAL, "the same above the bare host", True),
    "recovered_gap": Column(REAL, "mean over them of the recovered gap at the smallest budget", True),
    "ported_seed_deviation": Column(
        REAL, "standard deviation of that accuracy over seeds, pooled over moves; null for one seed", True
    ),
    "scratch_seed_deviation": Column(REAL, "the same for `scratch` at the largest budget", True),
    "steps_to_95_percent": Column(
        REAL, "steps after which the loss of a training from scratch here has made 95% of its fall, median", True
    ),
    "curve_steps": Column(REAL, "steps of those trainings", True),
}
TAKEN = {
    "machine": Column(TEXT, "what the times were taken on"),
    "bare_forward_seconds": Column(REAL, "median time of a forward pass of the bare host; null if not timed", True),
    "full_step_seconds": Column(REAL, "median time of a training step of the whole host; null if not timed", True),
    "step_seconds": Column(REAL, "median time of a training step of the module; null if not timed", True),
    "forward_seconds": Column(REAL, "median time of a forward pass with the module; null if not timed", True),
    "step_over_full": Column(REAL, "median ratio of the module's step to the whole host's, taken in turns", True),
    "step_over_bare": Column(REAL, "median ratio of the module's step to the bare host's forward pass", True),
    "forward_over_bare": Column(REAL, "median ratio of a forward pass with the module to one without: latency", True),
}
BYTES = {
    "bare_forward_bytes": Column(
        WHOLE, "most bytes of tensors alive at once in a forward pass of the bare host, its weights included"
    ),
    "full_step_bytes": Column(
        REAL, "the same in a training step of the whole host, AdamW's state included; null if not run", True
    ),
    "step_bytes": Column(WHOLE, "the same in a training step of the module"),
    "forward_bytes": Column(WHOLE, "the same in a forward pass with the module"),
}
RELATIVE_BYTES = {
    "step_bytes_over_full": Column(REAL, "memory of the module's step over that of the whole host's", True),
    "step_bytes_over_bare": Column(REAL, "memory of the module's step over that of the bare host's forward pass"),
}
