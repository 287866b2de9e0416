"""Every table that the workflow leaves: one line per column, with its type and meaning.

Keys come first, then values; units are in the names. ``docs/output.md`` is written from this file, and
``docs/glossary.md`` explains the columns that tables share.
"""

from peftport.storage.move_columns import BOTH_WAYS, CROSS_TASK
from peftport.storage.technique_columns import (
    ALONG,
    BYTES,
    CARRIED,
    DECISION,
    FLAG,
    INTERVAL,
    MADE_OF,
    METRIC,
    OUTCOME,
    REAL,
    RELATIVE_BYTES,
    SUMMARY,
    SURVIVAL,
    TAKEN,
    TESTED,
    TEXT,
    TEXTS,
    TOKEN_LISTS,
    TOKENS,
    TREND,
    TYPOLOGY,
    WHOLE,
    Column,
)

Row = dict[str, str | float | None]  # of any of the tables: column to value

STUDY = {"study": Column(TEXT, "name of the study")}
TECHNIQUE = {"technique": Column(TEXT, "name of the technique in the config; `none` for the bare host")}
HOSTS = {
    "source_host": Column(TEXT, "host in which the module was trained; `any` where it does not matter"),
    "target_host": Column(TEXT, "host in which the module is tested"),
    "map": Column(
        TEXT, "how the module is carried between the hosts: `copy`, or a map; `any` where it does not matter"
    ),
}
DATASETS = {
    "source_dataset": Column(TEXT, "dataset on which the module was trained; `any` where it does not matter"),
    "target_dataset": Column(TEXT, "dataset on which it is trained further and tested"),
}
INITIALISATION = {"initialisation": Column(TEXT, "what the module in the target host starts from, or a reference")}
BUDGET = {
    "budget_steps": Column(
        WHOLE,
        "optimiser steps taken in the target host before this test; 0 is zero-shot, but not of `distilled`, whose "
        "steps without labels (`distil.steps`) come before and are not counted here",
    )
}
SEED = {"seed": Column(WHOLE, "seed of the run")}
RATE = {
    "learning_rate": Column(
        REAL,
        "learning rate of the training in the target host, of several the best by validation; of `native` that of its "
        "source training; null at budget 0 and for `bare`",
        True,
    )
}
CELL = TECHNIQUE | HOSTS | DATASETS | INITIALISATION
SCORES = {
    "accuracy": Column(
        REAL,
        "share of test examples whose likeliest label word, or choice, is the right one, 0 to 1; null if the run "
        "failed, and of generation",
        True,
    ),
    "macro_f1": Column(
        REAL, "unweighted mean over labels of the F1 score, 0 to 1; null if the run failed, and without labels", True
    ),
    "loss": Column(
        REAL,
        "mean negative log-likelihood of the right label word, choice or completion (the first), nats per example; "
        "null if the run failed",
        True,
    ),
    "choice_log_likelihood": Column(
        REAL,
        "mean log-probability of the right label word among the label words, or of the right choice among the choices, "
        "nats per example; minus the logarithm of their number is chance; null if the run failed, and of generation",
        True,
    ),
    "calibrated_accuracy": Column(
        REAL,
        "accuracy under offsets of the label words that make the mean answer to unlabelled training texts uniform; "
        "null if the run failed, with `evaluation.calibration_texts: 0`, or where there are no such offsets",
        True,
    ),
    "test_examples": Column(WHOLE, "number of test examples"),
    "generated_accuracy": Column(
        REAL, "share of right answers in free generation; null unless the study generates", True
    ),
    "invalid_rate": Column(
        REAL,
        "share of generations that are no label word; of a dataset of generation those that are empty or do not end; "
        "null where nothing is generated",
        True,
    ),
    "merged_score": Column(
        REAL,
        "the score with the module merged into the host's weights; null unless the study merges and the module can be "
        "merged",
        True,
    ),
    "merged_changed": Column(
        REAL, "share of test examples that get another answer when the module is merged; null as there", True
    ),
    "merged_difference": Column(
        REAL,
        "largest absolute change of the log-likelihood of a right answer when the module is merged, nats; null as "
        "there",
        True,
    ),
    "failed_at_step": Column(
        WHOLE,
        "step at which the loss was no finite number, if that was so by this budget: the run failed; 0 if the training "
        "of the module that it starts from had failed; else null",
        True,
    ),
    "metric": Column(TEXT, "what `score` is: one of the columns of this table, or a metric of lm-evaluation-harness"),
    "score": Column(REAL, "the score that statistics are about, 0 to 1, more is better; null if the run failed", True),
    "accuracy_normalised": Column(
        REAL, "share of test examples whose likeliest choice per character is the right one; null for other kinds", True
    ),
    "exact_match": Column(
        REAL,
        "mean over test examples: what the host wrote is a right completion, normalised; null for other kinds",
        True,
    ),
    "number_match": Column(
        REAL, "mean over test examples: the last number in it is that of a right completion; null for other kinds", True
    ),
    "token_f1": Column(REAL, "mean over test examples of the F1 score of words (SQuAD); null for other kinds", True),
    "rouge_l": Column(REAL, "mean over test examples of ROUGE-L's F-measure; null for other kinds", True),
}
COMPUTED = {
    "device": Column(TEXT, "what the host computed on: `cpu`, or the name of the GPU"),
    "dtype": Column(TEXT, "number type of the host's weights; modules are in float32"),
    "kernels": Column(
        TEXT, "instructions that torch's kernels use, such as `AVX2`; of a GPU its compute capability, such as `sm_90`"
    ),
    "threads": Column(WHOLE, "CPU threads of torch"),
}
TABLES: dict[str, dict[str, Column]] = {
    "examples": {
        "example_id": Column(TEXT, "identifier, unique within the dataset and stable across runs"),
        "text": Column(TEXT, "the text to classify or to answer, before the prompt template"),
        "label": Column(TEXT, "the right label word, choice, or (the first) completion"),
        "answers": Column(TEXTS, "the example's choices, or its right completions; null with label words", True),
    },
    "prompts": {
        "example_id": Column(TEXT, "identifier of the example, as in the dataset's split"),
        "label": Column(TEXT, "the right label word, choice or completion"),
        "tokens": Column(TOKENS, "token ids of the prompt, special tokens included"),
        "cut_tokens": Column(WHOLE, "tokens of the text that had no room in the prompt and were left out"),
        "answers": Column(TEXTS, "the example's choices, or its right completions; null with label words", True),
        "answer_tokens": Column(TOKEN_LISTS, "token ids of each of them, without special tokens; null as there", True),
    },
    "overlap": {
        "left_dataset": Column(TEXT, "one dataset"),
        "left_split": Column(TEXT, "its split"),
        "right_dataset": Column(TEXT, "the other dataset"),
        "right_split": Column(TEXT, "its split"),
        "left_examples": Column(WHOLE, "examples in the left split"),
        "right_examples": Column(WHOLE, "examples in the right split"),
        "exact": Column(WHOLE, "left examples whose very text stands in the right split"),
        "normalised": Column(WHOLE, "the same after normalisation: case, punctuation, white space"),
        "example_ids": Column(TEXT, "JSON list of the left example_ids counted in `normalised`, the first 1,000"),
    },
    "curve": SEED
    | {
        "phase": Column(TEXT, "`train`, or `validation` for a loss on the validation split"),
        "step": Column(WHOLE, "optimiser steps taken so far"),
        "loss": Column(
            REAL, "mean cross-entropy per label token, nats; of `distilled` the divergence from the teacher per example"
        ),
        "learning_rate": Column(REAL, "learning rate of this step"),
        "elapsed_seconds": Column(REAL, "wall time since the training began"),
    },
    "teacher_answers": SEED
    | {
        "split": Column(TEXT, "`train` or `validation`"),
        "example_id": Column(TEXT, "identifier of the example, as in the dataset's split"),
        "word": Column(TEXT, "a label word of the target dataset"),
        "log_probability": Column(REAL, "its log-probability among the label words, nats"),
    },
    "host_curve": {
        "phase": Column(TEXT, "`pretraining`, `instructions` or `further` (on a corpus)"),
        "step": Column(WHOLE, "optimiser steps taken so far"),
        "loss": Column(REAL, "mean cross-entropy per token since the row before, nats"),
        "learning_rate": Column(REAL, "learning rate of this step, before multipliers"),
        "elapsed_seconds": Column(REAL, "wall time since the training began"),
    },
    "tensors": {
        "name": Column(TEXT, "name of the tensor in adapter_model.safetensors"),
        "stack": Column(TEXT, "`encoder`, `decoder`, or `shared` for one that belongs to no layer"),
        "layer": Column(WHOLE, "index of the Transformer layer; -1 for shared tensors"),
        "site": Column(TEXT, "where in the layer"),
        "shape": Column(TEXT, "shape, as in 8x512"),
        "entries": Column(WHOLE, "number of entries"),
        "mean": Column(REAL, "mean of the entries; null if the training of the module failed", True),
        "standard_deviation": Column(
            REAL, "population standard deviation of the entries; 0 means constant, null as there", True
        ),
        "norm": Column(REAL, "Euclidean norm of the entries; null as there", True),
    },
    "scores": CELL | BUDGET | SEED | RATE | SCORES | COMPUTED,
    "predictions": BUDGET
    | SEED
    | {
        "example_id": Column(TEXT, "identifier of the test example"),
        "label": Column(TEXT, "the right label word or choice, or the first right completion"),
        "prediction": Column(TEXT, "the likeliest label word or choice, or what the host wrote"),
        "correct": Column(FLAG, "whether they agree; of generation whether it is a right completion, normalised"),
        "log_likelihood": Column(
            REAL, "log-likelihood of the right label word, choice or completion (the first), nats"
        ),
        "choice_log_likelihood": Column(
            REAL, "log-probability of the right label word or choice among all, nats; null of generation", True
        ),
        "calibrated_correct": Column(
            FLAG, "whether the likeliest label word under calibrated offsets is right; null where there are none", True
        ),
        "generated": Column(TEXT, "what the host wrote; null unless the study generates", True),
        "score": Column(REAL, "the score of this example, 0 to 1: that of the row of `scores`, before the mean"),
    },
    "costs": TECHNIQUE | {"target_host": Column(TEXT, "host in which it was measured")} | MADE_OF | TAKEN | BYTES,
    "runs": STUDY | CELL | BUDGET | SEED | RATE | SCORES | COMPUTED,
    "references": STUDY | CELL | BUDGET | SEED | RATE | SCORES | COMPUTED,
    "portability": STUDY | CELL | BUDGET | SUMMARY,
    "contrasts": STUDY
    | TECHNIQUE
    | HOSTS
    | DATASETS
    | BUDGET
    | {
        "initialisation": Column(TEXT, "the first of the two compared, `ported` as a rule"),
        "baseline": Column(TEXT, "the second: an initialisation or a reference"),
        "seeds": Column(WHOLE, "number of seeds compared pair by pair"),
        "difference": Column(REAL, "mean score of the first minus that of the second"),
    }
    | INTERVAL
    | TESTED
    | METRIC,
    "carried": STUDY | TECHNIQUE | HOSTS | DATASETS | BUDGET | OUTCOME | METRIC,
    "advice": STUDY | TECHNIQUE | HOSTS | DATASETS | DECISION | METRIC,
    "asymmetry": STUDY
    | TECHNIQUE
    | {
        "first_host": Column(TEXT, "one host of the pair"),
        "second_host": Column(TEXT, "the other host"),
        "map": Column(TEXT, "how modules are carried, both ways: `copy`, or a map"),
    }
    | DATASETS
    | BUDGET
    | BOTH_WAYS
    | METRIC,
    "cross_task": STUDY | TECHNIQUE | HOSTS | DATASETS | BUDGET | CROSS_TASK | METRIC,
    "survival": STUDY | TECHNIQUE | HOSTS | DATASETS | SURVIVAL | METRIC,
    "dials": STUDY | ALONG | TECHNIQUE | BUDGET | TREND | METRIC,
    "distances": STUDY
    | TECHNIQUE
    | {name: HOSTS[name] for name in ("source_host", "target_host")}
    | DATASETS
    | {
        "seed": Column(WHOLE, "seed of the source module; null for what is about the two hosts alone", True),
        "measure": Column(TEXT, "`drift`, `cosine`, `overlap_outputs`, ...: what is measured (docs/predict.md)"),
        "site_kind": Column(
            TEXT, "kind of site whose mean it is; of `cka` the stack; `all` for the mean over all sites or layers"
        ),
        "value": Column(REAL, "the number"),
        "chance": Column(REAL, "what unrelated weights or directions have on average; null for `drift`", True),
    },
    "techniques": STUDY
    | TECHNIQUE
    | {"target_host": HOSTS["target_host"]}
    | TYPOLOGY
    | MADE_OF
    | CARRIED
    | TAKEN
    | BYTES
    | RELATIVE_BYTES,
}
