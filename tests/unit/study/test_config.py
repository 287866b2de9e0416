"""Every wrong config gets one message: the key, what is allowed, what came, and a near name."""

import copy
import json

import pytest
import yaml

from peftport.paths import pipeline_root
from peftport.study.config import ConfigError, check_config

DEFAULT = yaml.safe_load((pipeline_root() / "config" / "config.yaml").read_text(encoding="utf-8"))
FILE = {"path": "texts.csv"}
BUILT = {"build": {"corpus": {"generated": {"domains": ["film"]}}}}
TUNED = {"build": {"base": "raw", "instructions": {"generated": {"domains": ["film"], "examples": 9}}}}
FURTHER = {"base": "instruct", "corpus": {"generated": {"domains": ["film"]}}}
REMOVED = object()
FILES = {
    "no-column.csv": b"text,lable\nfine,1\n",
    "strange-label.csv": b"text,label\nfine,1\nso so,2\n",
    "empty-text.csv": b"text,label\nfine,1\n ,1\n",
    "latin-1.csv": "text,label\nfine,1\ncaf\xe9,1\n".encode("latin-1"),
    "nothing.csv": b"text,label\n",
    "texts.dat": b"fine\n",
}


def data(name):
    """A dataset of one local file."""
    return {"source": {"files": [{"path": name}]}, "labels": {"0": "bad", "1": "good"}}


# edits (path to value), then fragments of the message, the key first
WRONG = {
    "no study": ({"study": REMOVED}, "config key `the top level`: `study` is missing"),
    "a mistyped section": ({"resultss": 1}, "config key `resultss`: no such key `resultss`."),
    "a near section": ({"techniqes": {}}, "config key `techniqes`", "Did you mean `techniques`?", "`grid`"),
    "a key that is no text": ({1: "x"}, "config key under `the top`: expected text as key, got 1. Put it in quotes."),
    "a name that leaves the folder": ({"study": "../x"}, "config key `study`: expected text that matches", '"../x"'),
    "a name with a line break": ({"study": "x\n"}, "config key `study`: expected text that matches"),
    "a name of the workflow": (
        {"datasets.film@random": {"source": {"files": [FILE]}, "labels": {"a": "a", "b": "b"}}},
        "config key `datasets`: expected text that matches",
        "film@random",
        "(letters and digits, joined by",
    ),
    "a long name": ({"study": "x" * 65}, "config key `study`: expected at most 64 characters"),
    "a setting of the wrong type": (
        {"techniques.lora.rank": "eight"},
        'config key `techniques.lora.rank`: expected a whole number, got "eight" (rank of the update).',
    ),
    "a mistyped setting": (
        {"techniques.lora.rnak": 4},
        "config key `techniques.lora.rnak`: no such key `rnak`. Did you mean `rank`?",
        "Known: `method`, `learning_rate`, `source_steps`, `rank`",
    ),
    "a number that is no number": (
        {"techniques.lora.learning_rate": float("nan")},
        "config key `techniques.lora.learning_rate`: expected a number or a list, got NaN",
    ),
    "a learning rate of text": (
        {"techniques.lora.learning_rate": "small"},
        'config key `techniques.lora.learning_rate`: expected a number or a list, got "small" (AdamW',
    ),
    "a list of rates without one": (
        {"techniques.lora.learning_rate": []},
        "config key `techniques.lora.learning_rate`: expected at least 1 entries, got []",
    ),
    "eleven rates": (
        {"techniques.lora.learning_rate": [n / 100 for n in range(1, 12)]},
        "config key `techniques.lora.learning_rate`: expected at most 10 entries, got [0.01, 0.02",
    ),
    "a rate twice": (
        {"techniques.lora.learning_rate": [0.01, 0.001, 0.01]},
        "config key `techniques.lora.learning_rate`: expected no entry twice, got [0.01, 0.001, 0.01]",
    ),
    "a rate of nothing in a list": (
        {"techniques.lora.learning_rate": [0.01, 0]},
        "config key `techniques.lora.learning_rate.1`: expected more than 0, got 0 (a learning rate).",
    ),
    "a rate of text in a list": (
        {"techniques.lora.learning_rate": [0.01, "0.1"]},
        'config key `techniques.lora.learning_rate.1`: expected a number, got "0.1"',
    ),
    "fewer texts than none": (
        {"evaluation": {"calibration_texts": -1}},
        "config key `evaluation.calibration_texts`: expected at least 0, got -1",
    ),
    "a fraction of a step": ({"training.source_steps": 5.0}, "config key `training.source_steps`", "a whole number"),
    "a number below its bound": ({"training.batch_size": 0}, "config key `training.batch_size`: expected at least 1"),
    "an unknown method": (
        {"techniques.mine": {"method": "lorra"}},
        "config key `techniques.mine.method`: no method `lorra`. Did you mean `lora`?",
        "`prefix_tuning`",
    ),
    "a method of peft that is not offered": (
        {"techniques.mine": {"method": "adalora"}},
        "config key `techniques.mine.method`: peft's ADALORA is not offered: it shares out its rank in a step of its",
    ),
    "an earlier name of one of peft's own": (
        {"techniques.loha": {"r": 2}},
        "config key `techniques.loha.method`: no method `loha`, it is one of peft's own: write "
        "`{method: peft, peft_type: LOHA}`.",
    ),
    "an earlier name of what is a LoRA to peft": (
        {"techniques.dora": {"r": 2}},
        "write `{method: peft, peft_type: LORA, use_dora: true}`.",
    ),
    "one of peft's own without its type": (
        {"techniques.mine": {"method": "peft"}},
        "config key `techniques.mine`: `peft_type` is missing",
    ),
    "a mistyped setting of peft's": (
        {"techniques.vera": {"method": "peft", "peft_type": "VERA", "projection_key": 8}},
        "config key `techniques.vera.projection_key`: no field of peft's VeraConfig `projection_key`.",
        "Did you mean `projection_prng_key`?",
        "Known: `r`",
    ),
    "settings of peft's that do not go together": (
        {"techniques.oft": {"method": "peft", "peft_type": "OFT", "r": 8}},
        "config key `techniques.oft`: peft's OFTConfig refuses it: You can only specify either r (8) or oft_block_size",
    ),
    "a method that is a list": ({"techniques.mine": {"method": ["lora"]}}, "config key `techniques.mine.method`"),
    "an unknown technique": (
        {"grid.techniques": ["lora", "adpaters"]},
        "config key `grid.techniques.1`: no technique `adpaters`. Did you mean `adapters`?",
    ),
    "an unknown host": (
        {"grid.transfers": [{"source": "raw", "target": "instuct"}]},
        "config key `grid.transfers.0.target`: no host `instuct`. Did you mean `instruct`? Known: `raw`, `instruct`.",
    ),
    "an unknown dataset": (
        {"grid.dataset_pairs": [{"source": "flim", "target": "film"}]},
        "config key `grid.dataset_pairs.0.source`: no dataset `flim`. Did you mean `film`?",
    ),
    "an unknown initialisation": (
        {"grid.initialisations": ["ported", "sampld"]},
        "config key `grid.initialisations.1`",
        "allowed are `ported`, `sampled`",
        "Did you mean `sampled`?",
    ),
    "falling budgets": ({"grid.budgets": [5, 0]}, "config key `grid.budgets`: expected rising numbers", "[5, 0]"),
    "a budget twice": ({"grid.budgets": [0, 0]}, "config key `grid.budgets`: expected rising numbers"),
    "no seeds": ({"grid.seeds": []}, "config key `grid.seeds`: expected at least 1 entries, got []"),
    "seeds and blocks": (
        {"grid.seeds": [0, [1]]},
        "config key `grid.seeds`: expected seeds or lists of seeds, not both",
    ),
    "a seed twice": ({"grid.seeds": [[0, 1], [1]]}, "config key `grid.seeds`: expected each entry once, got 1 twice"),
    "a transfer twice": (
        {"grid.transfers": [{"source": "raw", "target": "raw"}] * 2},
        "config key `grid.transfers`: expected each entry once",
    ),
    "a mean over no siblings": (
        {"grid.initialisations": ["target_mean"], "grid.seeds": [[0, 1], [2]]},
        "config key `grid.initialisations`: `target_mean` is a mean over other modules",
        "none for seed 2: expected two datasets in `grid.dataset_pairs`, or at least two seeds in every block",
        "got [[0, 1], [2]].",
    ),
    "a technique that cannot be matched": (
        {
            "techniques.norms": {"method": "peft", "peft_type": "LN_TUNING"},
            "grid.techniques": ["lora", "norms"],
            "grid.initialisations": ["matched"],
        },
        "config key `grid.initialisations`: `matched` cannot be made for the technique `norms`: it is one of peft",
        "Use `sampled` instead.",
    ),
    "an unknown bundled host": (
        {"hosts.raw": {"bundled": "review-raw"}},
        "config key `hosts.raw.bundled`: no bundled host `review-raw`. Did you mean `reviews-raw`?",
        "Known: `reviews-instruct`, `reviews-raw`.",
    ),
    "two origins of a host": (
        {"hosts.raw": {"bundled": "reviews-raw", "path": "x"}},
        "config key `hosts.raw`: expected only one of `bundled`, `path`, `hub`, `build`",
    ),
    "a host directory that is not there": (
        {"hosts.raw": {"path": "nowhere"}},
        "config key `hosts.raw.path`: expected a host directory with config.json, *.safetensors and tokenizer files, "
        "got 'nowhere', which has no config.json (looked in",
    ),
    "a host without weights": (
        {"hosts.raw": {"path": "empty"}},
        "config key `hosts.raw.path`",
        "got 'empty', which has no *.safetensors (files that are not read: none).",
    ),
    "a host to convert that has nothing to convert": (
        {"hosts.raw": {"path": "empty", "convert": True}},
        "config key `hosts.raw.path`",
        "has neither pytorch_model.bin nor pytorch_model.bin.index.json",
    ),
    "a bundled host to convert": (
        {"hosts.raw": {"bundled": "reviews-raw", "convert": True}},
        "config key `hosts.raw`: expected `convert` only beside `path` or `hub`",
    ),
    "a GGUF file that is not there": (
        {"hosts.raw": {"gguf": {"file": "nowhere.gguf"}}},
        "config key `hosts.raw.gguf.file`: expected a file, 'nowhere.gguf' is none (looked in",
    ),
    "a GGUF file that is another file": (
        {"hosts.raw": {"gguf": {"file": "pickled/config.json"}}},
        "config key `hosts.raw.gguf.file`",
        "is no GGUF file that can be read: it does not begin with GGUF",
    ),
    "a host with pickled weights only": (
        {"hosts.raw": {"path": "pickled"}},
        "got 'pickled', which has no *.safetensors (files that are not read: pytorch_model.bin; `convert: true`",
    ),
    "a host without a tokenizer": (
        {"hosts.raw": {"path": "speechless"}},
        "got 'speechless', which has none of tokenizer.json, ",
    ),
    "a host with a damaged config": (
        {"hosts.raw": {"path": "damaged"}},
        "config key `hosts.raw`: ",
        "config.json is damaged",
    ),
    "a host of a type that is not known": (
        {"hosts.raw": {"path": "strange"}},
        "config key `hosts.raw.path`: strange/config.json: no family of hosts `qwen25`. Did you mean `qwen2`? Known: ",
        "How to add one: docs/add-a-host-family.md.",
    ),
    "a host without a type": ({"hosts.raw": {"path": "typeless"}}, "no family of hosts `None`. Known: `t5`"),
    "a mixture of experts": (
        {"hosts.raw": {"path": "experts"}},
        "config key `hosts.raw.path`: experts/config.json: hosts of the type `gpt_oss` are refused: it is a mixture of",
    ),
    "a host with a module beside it": (
        {"hosts.raw": {"path": "beside"}},
        "config key `hosts.raw.path`: ",
        "beside also holds files of a PEFT module (adapter_config.json), which would be loaded into the bare host; ",
    ),
    "a path that no file can have": ({"hosts.raw": {"path": "x" * 5000}}, "which has no config.json"),
    "hosts of different width": (
        {"hosts.raw": {"path": "wide"}},
        "config key `grid.transfers.0`: a module cannot be copied raw -> instruct: expected hosts of one shape, they "
        "differ in\n  d_model: 128 in raw, 64 in instruct",
    ),
    "a built host of another shape": (
        {"hosts.raw": {"build": BUILT["build"] | {"shape": {"d_model": 32, "layers": 3}}}},
        "config key `grid.transfers.0`",
        "d_model: 32 in raw, 64 in instruct",
        "layers: 3 in raw, 2 in instruct",
    ),
    "hosts of another family": (
        {"hosts.raw": {"path": "other"}},
        "config key `grid.transfers.0`",
        "model_type: gpt2 in raw, t5 in instruct",
    ),
    "a host built from an unknown one": (
        {"hosts.instruct": {"build": TUNED["build"] | {"base": "rwa"}}},
        "config key `hosts.instruct.build.base`: no host `rwa`. Did you mean `raw`?",
    ),
    "a host built from itself": (
        {"hosts.raw": {"build": TUNED["build"] | {"base": "instruct"}}, "hosts.instruct": TUNED},
        "config key `hosts.raw.build.base`: built from itself (raw <- instruct <- raw).",
    ),
    "heads that do not divide the width": (
        {"hosts.raw": {"build": BUILT["build"] | {"shape": {"d_model": 30, "heads": 4}}}},
        "config key `hosts.raw.build.shape.d_model`: expected a multiple of `heads` (4), got 30.",
    ),
    "a corpus that is not there": (
        {"hosts.raw": {"build": {"corpus": {"files": ["no.txt"]}}}},
        "config key `hosts.raw.build.corpus.files`: expected a file, 'no.txt' is none (looked in",
    ),
    "a host in other coordinates, none of which is said": (
        {"hosts.turned": {"build": {"base": "raw", "coordinates": {}}}},
        "config key `hosts.turned.build.coordinates`: expected at least one of `stream`, `heads`, `units`",
    ),
    "a host in coordinates that there are not": (
        {"hosts.turned": {"build": {"base": "raw", "coordinates": {"heads": "rotation"}}}},
        "config key `hosts.turned.build.coordinates.heads`",
        "`permutation`",
    ),
    "an encoder with a rotated stream": (
        {
            "hosts.small": BUILT | {"build": BUILT["build"] | {"family": "bert"}},
            "hosts.turned": {"build": {"base": "small", "coordinates": {"stream": "rotation"}}},
        },
        "config key `hosts.turned.build.coordinates`: the stream of a `bert` host cannot be rotated",
        "take `stream: permutation`",
    ),
    "a host with a classification head in other coordinates": (
        {
            "hosts.small": BUILT | {"build": BUILT["build"] | {"family": "bert"}},
            "hosts.turned": {
                "build": {"base": "small", "coordinates": {"heads": "permutation"}},
                "head": "classification",
            },
        },
        "config key `hosts.turned",
        "a host with a classification head",
    ),
    "a shallower host of layers that its base does not have": (
        {"hosts.shallow": {"build": FURTHER | {"corpus": {"dataset": "film"}, "keep_layers": [0, 7]}}},
        "config key `hosts.shallow`: `build.keep_layers`: the base 'instruct' has no layer 7; its layers are 0 to 1.",
    ),
    "a host in other coordinates from itself": (
        {"hosts.raw": {"build": {"base": "raw", "coordinates": {"heads": "permutation"}}}},
        "config key `hosts.raw.build.base`: built from itself (raw <- raw).",
    ),
    "a host trained further on text that is not there": (
        {"hosts.raw": {"build": FURTHER | {"corpus": {"files": ["books/*.txt"]}}}},
        "config key `hosts.raw.build.corpus.files`: expected a file, or a pattern of files, 'books/*.txt' is none",
    ),
    "a host trained further on a dataset that is not there": (
        {"hosts.raw": {"build": FURTHER | {"corpus": {"dataset": "flim"}}}},
        "config key `hosts.raw.build.corpus.dataset`: no dataset `flim`. Did you mean `film`?",
    ),
    "a host trained further on two corpora": (
        {"hosts.raw": {"build": FURTHER | {"corpus": {"dataset": "film", "files": ["text.csv"]}}}},
        "config key `hosts.raw.build.corpus`: expected only one of `files`, `dataset`, `generated`",
    ),
    "a host trained further from itself": (
        {"hosts.raw": {"build": FURTHER | {"base": "raw"}}},
        "config key `hosts.raw.build.base`: built from itself (raw <- raw).",
    ),
    "weights that a host does not have": (
        {"hosts.raw": {"build": FURTHER | {"weights": ["q", "qkv"]}}},
        "config key `hosts.raw.build.weights`: a `t5` host has no weights of the kind 'qkv'; expected some of q, k, v,",
    ),
    "a kind of weights that no host has": (
        {"hosts.raw": {"build": FURTHER | {"weights": ["query"]}}},
        "config key `hosts.raw.build.weights.0`",
    ),
    "which weights in a word that means nothing": (
        {"hosts.raw": {"build": FURTHER | {"weights": "most"}}},
        "config key `hosts.raw.build.weights`",
        "`without_embeddings`",
    ),
    "a data file that is not there": (
        {"datasets.film.source": {"files": [{"path": "text.csv"}]}},
        "config key `datasets.film.source.files.0.path`: expected a file, 'text.csv' is none",
    ),
    "a data file without a column": (
        {"datasets.film": data("no-column.csv")},
        "config key `datasets.film.source.files.0`: ",
        "no-column.csv, line 1: no column 'label' for the label. Did you mean `lable`? Columns there: 'text', 'lable'.",
    ),
    "a label outside the map": (
        {"datasets.film": data("strange-label.csv")},
        "strange-label.csv, line 3: label '2' is not in the label map; allowed: '0' (bad), '1' (good)",
    ),
    "an empty text": ({"datasets.film": data("empty-text.csv")}, "empty-text.csv, line 3: the text is empty"),
    "a text of another encoding": (
        {"datasets.film": data("latin-1.csv")},
        "latin-1.csv, line 3, byte 4: 0xe9 is not utf-8",
    ),
    "a data file without an example": (
        {"datasets.film": data("nothing.csv")},
        "config key `datasets.film.source.files.0`: 'nothing.csv' holds no example.",
    ),
    "an unknown format": (
        {"datasets.film": data("texts.dat")},
        "config key `datasets.film.source.files.0`: ",
        "the extension '.dat' does not tell the format",
    ),
    "a format that there is not": (
        {"datasets.film": {"source": {"files": [FILE | {"format": "jsonk"}]}, "labels": {"0": "bad", "1": "good"}}},
        'config key `datasets.film.source.files.0.format`: got "jsonk", allowed are `csv`, `tsv`, `jsonl`, `json`, '
        "`parquet`, `lines`. Did you mean `json`?",
    ),
    "a source of nothing": (
        {"datasets.film.source": {}},
        "config key `datasets.film.source`: expected one of `generated`, `files`, `hub`, `lm_eval`, got {} (Where ",
    ),
    "a key of a raw host in one trained further": (
        {"hosts.raw": {"build": TUNED["build"] | {"words": []}}},
        "config key `hosts.raw.build.words`: no such key `words`.",
        "Known: `base`, `instructions`, `training`, `seed`.",
    ),
    "a key too few, deep below": (
        {"hosts.raw": {"build": {"corpus": {"generated": {}}}}},
        "config key `hosts.raw.build.corpus.generated`: `domains` is missing (Generated reviews, plain at first",
    ),
    "a seed of text in a block": (
        {"grid.seeds": [[0, "1"]]},
        "config key `grid.seeds.0.1`: expected a whole number, got",
    ),
    "null where a number may stand": (
        {"techniques.adapters.bottleneck": "wide"},
        'config key `techniques.adapters.bottleneck`: expected a whole number or null, got "wide" (width of the',
    ),
    "a key that went": ({"training": {"members_together": 2}}, "no such key `members_together`."),
    "one label": ({"datasets.film.labels": {"negative": "bad"}}, "config key `datasets.film.labels`"),
    "one label word": (
        {"datasets.film.labels": {"negative": "bad", "positive": "bad"}},
        "config key `datasets.film.labels`: expected at least two label words, got ['bad', 'bad'].",
    ),
    "a label that no text has": (
        {"datasets.film": data("one-class.csv")},
        "config key `datasets.film.labels`: no example of label bad in the whole dataset; labels found: good",
    ),
    "texts that all contradict each other": (
        {"datasets.film": data("contrary.csv")},
        "labels found: none. Of 4 examples 4 were dropped, whose text has another label elsewhere",
    ),
    "labels that generated data does not have": (
        {"datasets.film.labels": {"0": "bad", "1": "good"}},
        "config key `datasets.film.labels`: expected a word for each of `negative` and `positive`",
        "got `0`, `1`.",
    ),
    "a prompt without its text": ({"datasets.film.template": "sentiment:"}, "config key `datasets.film.template`"),
    "a switch that is no switch": ({"decontaminate": "yes"}, "config key `decontaminate`: expected a boolean, got"),
}


ENDLESS = {"study": "x"}
ENDLESS["hosts"] = ENDLESS
LAUGHS = [["ha"] * 9]
for _ in range(9):
    LAUGHS.append([LAUGHS[-1]] * 9)
UNHOLY = {
    "a circle": (ENDLESS, "config: expected at most 200,000 entries in 40 levels, got more."),
    "a billion laughs": ({"study": LAUGHS[-1]}, "config: expected at most 200,000 entries in 40 levels, got more."),
    "a number without end": (
        {"study": {"a": [1 << 20_000]}},
        "config key `study.a.0`: expected a number of at most 64 bits.",
    ),
    "a key that is a tuple": ({"study": {(1, 2): 3}}, "config key under `study`: expected text as key, got [1, 2]."),
}


@pytest.mark.parametrize("name", UNHOLY)
def test_a_document_that_cannot_be_walked_through_is_refused(name, tmp_path):
    document, message = UNHOLY[name]
    with pytest.raises(ConfigError) as refusal:
        check_config(document, tmp_path)
    assert str(refusal.value).startswith(message)


@pytest.fixture
def folder(tmp_path):
    """Where the configs' relative paths start: host directories with this and that missing."""
    shape = {"model_type": "t5", "d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4, "num_layers": 2}
    hosts = {
        "empty": {"config.json": shape},
        "pickled": {"config.json": shape, "pytorch_model.bin": {}},
        "speechless": {"config.json": shape, "model.safetensors": {}},
        "damaged": {"config.json": None, "model.safetensors": {}, "tokenizer.json": {}},
        "wide": {"config.json": shape | {"d_model": 128}, "model.safetensors": {}, "tokenizer.json": {}},
        "other": {"config.json": shape | {"model_type": "gpt2"}, "model.safetensors": {}, "tokenizer.json": {}},
        "strange": {"config.json": {"model_type": "qwen25"}, "model.safetensors": {}, "tokenizer.json": {}},
        "typeless": {"config.json": {"d_model": 64}, "model.safetensors": {}, "tokenizer.json": {}},
        "beside": {"config.json": {}, "adapter_config.json": {}, "model.safetensors": {}, "tokenizer.json": {}},
        "experts": {"config.json": {"model_type": "gpt_oss"}, "model.safetensors": {}, "tokenizer.json": {}},
        "same": {"config.json": shape, "model.safetensors": {}, "spiece.model": {}},
    }
    for name, files in hosts.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text("{" if content is None else json.dumps(content))
    (tmp_path / "texts.csv").write_text("text,label\nfine,1\nodd,0\n")
    (tmp_path / "contrary.csv").write_text("text,label\nfine,1\nFine!,0\nodd,0\nodd,1\n")
    (tmp_path / "one-class.csv").write_text("text,label\nfine,1\n")
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def edited(edits):
    config = copy.deepcopy(DEFAULT)
    for path, value in edits.items():
        *parents, last = path.split(".") if isinstance(path, str) else [path]
        part = config
        for name in parents:
            part = part[name]
        if value is REMOVED:
            del part[last]
        else:
            part[last] = copy.deepcopy(value)
    return config


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_config_gets_one_message(folder, wrong):
    edits, *fragments = WRONG[wrong]
    with pytest.raises(ConfigError) as refusal:
        check_config(edited(edits), folder)
    for fragment in fragments:
        assert fragment in str(refusal.value)
    assert ("\n" in str(refusal.value)) == ("differ in" in str(refusal.value))


FINE = {
    "the default study": {},
    "a host of files": {"hosts.raw": {"path": "same"}},
    "a built host of the same shape": {"hosts.raw": BUILT},
    "one trained further": {"hosts.raw": BUILT, "hosts.instruct": TUNED},
    "a hub's host, whose shape is not known yet": {"hosts.raw": {"hub": {"id": "google/flan-t5-base"}}},
    "other shapes, where nothing is copied": {"hosts.raw": {"path": "wide"}, "grid.initialisations": ["scratch"]},
    "other shapes in a host that is not picked": {"hosts.spare": {"path": "wide"}},
    "a mean over other seeds": {"grid.initialisations": ["target_mean"]},
    "all that can be matched": {
        "techniques.ia3": {"method": "ia3"},
        "techniques.prompt_tuning": {"method": "prompt_tuning"},
        "techniques.tiny_attention": {"method": "tiny_attention"},
        "grid.techniques": [*DEFAULT["grid"]["techniques"], "ia3", "prompt_tuning", "tiny_attention"],
        "grid.initialisations": ["matched"],
    },
    "a technique that cannot be matched and is not picked": {
        "techniques.norms": {"method": "peft", "peft_type": "LN_TUNING"},
        "grid.initialisations": ["matched"],
    },
    "a mean over other datasets": {
        "datasets.book": DEFAULT["datasets"]["film"],
        "grid.dataset_pairs": [{"source": "film", "target": "book"}],
        "grid.initialisations": ["target_mean"],
        "grid.seeds": [3],
    },
    "local texts with labels of their own": {
        "datasets.film": {"source": {"files": [FILE]}, "labels": {"0": "bad", "1": "good"}}
    },
    "a decontaminated study": {"decontaminate": True},
    "one of peft's own": {"techniques.dora": {"method": "peft", "peft_type": "LORA", "use_dora": True, "r": 2}},
}


@pytest.mark.parametrize("fine", FINE)
def test_a_good_config_passes_and_stays(folder, fine):
    config = edited(FINE[fine])
    before = copy.deepcopy(config)
    checked = check_config(config, folder)
    assert config == before
    assert checked["decontaminate"] is FINE[fine].get("decontaminate", False)
    assert checked["techniques"]["lora"]["method"] == "lora"
    assert check_config(checked, folder) == checked
