"""A column of a table, and groups of columns: of techniques (tables `costs`, `techniques`), and of statistics."""

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
TEXTS, TOKEN_LISTS = pa.list_(pa.string()), pa.list_(TOKENS)

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
    "ported_accuracy": Column(
        REAL,
        "mean over them of the ported modules' score at the smallest budget; null if moves differ in `metric`",
        True,
    ),
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

# of statistics
INTERVAL = {
    "low": Column(REAL, "lower end of the 95% interval"),
    "high": Column(REAL, "upper end of the 95% interval"),
}
METRIC = {"metric": Column(TEXT, "what the score is: `accuracy`, `rouge_l`, ...; a column of table `runs`")}
SUMMARY = {
    "seeds": Column(WHOLE, "number of seeds, without those whose run failed; no row where every run failed"),
    "failed_seeds": Column(WHOLE, "number of seeds whose run failed"),
    "accuracy_mean": Column(REAL, "mean over seeds of the score that `metric` names; accuracy with label words"),
    "accuracy_standard_deviation": Column(REAL, "sample standard deviation over seeds; null for one seed", True),
    "accuracy_low": Column(REAL, "lower end of the 95% interval over seeds and test examples"),
    "accuracy_high": Column(REAL, "upper end of it"),
    "macro_f1_mean": Column(REAL, "mean macro F1 over seeds; null without labels", True),
    "calibrated_accuracy_mean": Column(REAL, "mean calibrated accuracy over seeds; null if not calibrated", True),
    "log_likelihood_mean": Column(
        REAL, "mean choice log-likelihood of the right label word, nats per example; null of generation", True
    ),
    "log_likelihood_low": Column(REAL, "lower end of its 95% interval", True),
    "log_likelihood_high": Column(REAL, "upper end of it", True),
    "majority_share": Column(REAL, "share of the most frequent label in the test set; null without labels", True),
    "bare_accuracy": Column(REAL, "the same score of the target host without a module", True),
    "native_accuracy": Column(REAL, "mean of the same score of the target host's own modules", True),
    "bare_calibrated_accuracy": Column(REAL, "calibrated accuracy of the target host without a module", True),
    "native_calibrated_accuracy": Column(REAL, "mean calibrated accuracy of the target host's own modules", True),
    "bare_log_likelihood": Column(REAL, "mean choice log-likelihood without a module, nats per example", True),
    "native_log_likelihood": Column(REAL, "the same of the target host's own modules, mean over seeds", True),
    "gap_low": Column(REAL, "lower end of the 95% interval of native - bare, over the seeds of this cell", True),
    "gap_high": Column(REAL, "upper end of it", True),
    "recovered_gap": Column(REAL, "(score - bare) / (native - bare); null where gap_low is under 0.03", True),
    "recovered_gap_low": Column(REAL, "lower end of its 95% interval (Fieller)", True),
    "recovered_gap_high": Column(REAL, "upper end of it", True),
    "steps_saved": Column(
        REAL,
        "steps at which the curve from scratch crosses this accuracy, less this budget; null if it does not, for "
        "scratch itself and `distilled`, and at the ceiling",
        True,
    ),
    "steps_saved_low": Column(REAL, "lower end of its 95% interval; null if scratch is behind at every budget", True),
    "steps_saved_high": Column(REAL, "upper end of it; null if scratch is not shown to be ahead at the last", True),
    "at_ceiling": Column(
        FLAG, "whether this cell, or scratch at this budget, is within the margin of native modules or above them"
    ),
} | METRIC
TESTED = {
    "p_value": Column(REAL, "two-sided p-value of no difference"),
    "p_value_holm": Column(
        REAL, "the same after Holm's correction over this technique's moves, with this baseline at this budget"
    ),
    "win_rate": Column(REAL, "share of seeds in which the first is better; ties count half"),
    "log_likelihood_difference": Column(
        REAL, "the same difference in choice log-likelihood, nats per example; null of generation", True
    ),
    "log_likelihood_low": Column(REAL, "lower end of its 95% interval", True),
    "log_likelihood_high": Column(REAL, "upper end of it", True),
}
ALONG = {
    "dial": Column(TEXT, "name of the dial in the config"),
    "label": Column(TEXT, "what its values are"),
    "scale": Column(TEXT, "`linear` or `log`: of the value or of its logarithm to base 10 (of 1 + value from 0 on)"),
    "map": Column(TEXT, "how the modules of these moves are carried: `copy`, or a map"),
}
TREND = {
    "initialisation": Column(TEXT, "whose score: `ported`, or of the same target hosts `native` or `bare`"),
    "baseline": Column(TEXT, "whose score is taken off it: `native`, or `none`"),
    "value": Column(REAL, "the dial's value at this point"),
    "place": Column(REAL, "where that lies on the scale: the value, or its logarithm"),
    "moves": Column(WHOLE, "transfers x dataset pairs at this point, over which is averaged"),
    "seeds": Column(WHOLE, "number of seeds that all these moves have; 1 for `bare`, which has none"),
    "mean": Column(REAL, "mean score at this point, or mean difference of scores"),
    "low": Column(REAL, "lower end of its 95% interval"),
    "high": Column(REAL, "upper end of it"),
    "slope": Column(
        REAL,
        "trend over the whole dial, the same in all its rows: change of the score for each unit of the value, or for "
        "each tenfold of it on a log scale; null where the outcome is `cannot_tell`",
        True,
    ),
    "slope_low": Column(REAL, "lower end of its 95% interval; null as `slope`", True),
    "slope_high": Column(REAL, "upper end of it; null as `slope`", True),
    "p_value": Column(REAL, "two-sided p-value of no trend; null as `slope`", True),
    "p_value_without_one": Column(
        REAL,
        "the largest p-value of the slopes without one of the points; 1 where one has another sign; null as `slope`",
        True,
    ),
    "p_value_holm": Column(
        REAL, "the same after Holm's correction over the trends of this score at this budget; null as `slope`", True
    ),
    "outcome": Column(
        TEXT,
        "`rises`, `falls` (below 5% after the correction, and below 20% without any one point), `no_trend` or "
        "`cannot_tell`",
    ),
    "why_not": Column(TEXT, "why the study cannot tell, or that one point alone makes the trend; else null", True),
}
OUTCOME = (
    {
        "controls": Column(TEXT, "what ported modules must beat, each; joined by commas"),
        "closest_control": Column(TEXT, "the control with the smallest difference"),
        "seeds": Column(WHOLE, "number of seeds compared with it"),
        "difference": Column(REAL, "mean score of ported minus that of the closest control"),
    }
    | INTERVAL
    | {
        "p_value": Column(REAL, "largest of the two-sided p-values against the controls; 1 if behind one of them"),
        "p_value_holm": Column(REAL, "the same after Holm's correction over the moves at this budget"),
        "outcome": Column(TEXT, "`carried`, `not_carried`, `open` or `cannot_tell`"),
        "seeds_needed": Column(
            REAL,
            "seeds with which this difference would be told, if the spreads are as estimated; null if none would",
            True,
        ),
        "examples_needed": Column(REAL, "test examples that go with them", True),
    }
)
DECISION = (
    {
        "way": Column(TEXT, "`copy` (carried by `map`, where that is no copy) or `start again`"),
        "steps": Column(WHOLE, "optimiser steps of training in the target host: what this way costs"),
        "seeds": Column(WHOLE, "number of seeds"),
        "accuracy": Column(REAL, "mean of the score that `metric` names, of this way"),
    }
    | INTERVAL
    | {
        "native_difference": Column(REAL, "mean score of this way minus that of native modules", True),
        "native_low": Column(REAL, "lower end of its 95% interval", True),
        "native_high": Column(REAL, "upper end of it", True),
        "ruled_out": Column(FLAG, "whether another way is shown better by more than the margin"),
        "better_way": Column(TEXT, "the way that is shown better by most; null if none is", True),
        "better_steps": Column(REAL, "its steps", True),
        "good_enough": Column(FLAG, "whether it is shown not worse than any other way by more than the margin"),
        "advised": Column(FLAG, "whether it is the way to take; of a move none is where that cannot be told"),
        "seeds_needed": Column(REAL, "seeds that would tell, where no way is advised and some number would", True),
        "examples_needed": Column(REAL, "test examples that go with them", True),
    }
)
SURVIVAL = {
    "coordinates": Column(TEXT, "what is changed between the two hosts, which compute the same, and how"),
    "touched": Column(
        TEXT, "what of this tensors of the technique touch, by its law; empty: nothing; null without a law", True
    ),
    "copy_survives": Column(
        FLAG, "whether theory says that a plain copy survives: nothing is touched; null as there", True
    ),
    "seeds": Column(WHOLE, "number of seeds, without those whose run failed"),
    "accuracy_mean": Column(REAL, "mean score of `ported` modules in the target host, before any training there"),
    "source_accuracy": Column(
        REAL, "mean score of the same modules in their source host; null without `references: [source]`", True
    ),
    "survived": Column(
        REAL,
        "share of the modules' gain over the bare host in their source host that is left; null without `references: "
        "[bare, source]`, or where that gain is not shown to be 3 points",
        True,
    ),
    "low": Column(REAL, "lower end of its 95% interval; null as `survived`", True),
    "high": Column(REAL, "upper end of it; null as `survived`", True),
}
