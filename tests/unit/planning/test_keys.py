"""Which keys move for which edit of the config: those of the stages that depend on it, and no others."""

import copy

import pytest

from peftport.planning.keys import Keys
from peftport.storage.files import file_digest
from peftport.study.config import check_config
from peftport.study.grid import Study

LABELS = {"negative": "negative", "positive": "positive"}
GENERATED = {"generated": {"domains": ["film"], "examples": 10}}
CONFIG = {
    "study": "keys",
    "hosts": {"raw": {"bundled": "reviews-raw"}, "instruct": {"bundled": "reviews-instruct"}},
    "datasets": {
        name: {"source": {"generated": {"domain": name, "train": 64}}, "labels": LABELS} for name in ("film", "book")
    },
    "techniques": {"lora": {"learning_rate": 0.01}, "adapters": {"learning_rate": 0.01}, "ia3": {}},
    "grid": {
        "techniques": ["lora", "adapters"],
        "transfers": [{"source": "raw", "target": "instruct"}],
        "dataset_pairs": [{"source": "film", "target": "film"}, {"source": "film", "target": "book"}],
        "initialisations": ["ported", "sampled", "scratch"],
        "budgets": [0, 3],
        "seeds": [[0, 1]],
    },
}
TRAINED = {"source", "module", "start", "evaluation", "runs", "report"}
READ = TRAINED | {"prompts", "costs"}

# path of the edit, its value, the stages in which an entry that stays has another key
EDITS = {
    "nothing": ("study", "keys", set()),
    "the title": ("title", "other", {"report"}),
    "a definition that is not picked": ("techniques.ia3", {"learning_rate": 0.5}, set()),
    "the margin": ("statistics.margin", 0.05, {"portability", "techniques", "report"}),
    "how often costs are timed": ("costs", {"repetitions": 2}, {"costs", "techniques", "report"}),
    "the learning rate": ("techniques.lora.learning_rate", 0.02, TRAINED),
    "a list of learning rates": ("techniques.lora.learning_rate", [0.01, 0.02], TRAINED),
    "the texts of the calibration": ("evaluation.calibration_texts", 7, {"evaluation", "runs", "report"}),
    "the rank": ("techniques.lora.rank", 2, TRAINED | {"costs"}),
    "steps of the source": ("training.source_steps", 7, TRAINED),
    "which source module is kept": ("training.keep", "best", TRAINED),
    "the batch": ("training.batch_size", 7, TRAINED | {"costs"}),
    "length of a prompt": ("training.max_tokens", 64, READ),
    "numbers of the hosts": ("training.host_precision", "bfloat16", TRAINED | {"costs"}),
    "the batch of the test": ("evaluation.batch_size", 7, {"evaluation", "runs", "report"}),
    "the budgets": ("grid.budgets", [0, 5], {"evaluation", "runs", "report"}),
    "initialisations that share jobs": ("grid.initialisations_together", True, {"evaluation", "runs", "report"}),
    "the prompt": ("datasets.film.template", "review: {text}", READ),
    "the seed of the texts": ("datasets.film.source.generated.seed", 3, READ | {"dataset", "overlap"}),
    "a label word": (
        "datasets.film.labels",
        {"negative": "bad", "positive": "good"},
        READ | {"dataset", "overlap", "labels", "card"},
    ),
    "another host of that name": (
        "hosts.instruct.bundled",
        "reviews-raw",
        READ | {"host", "identity", "labels", "card", "transfer"},
    ),
    "a further block of seeds": ("grid.seeds", [[0, 1], [2]], {"runs", "report"}),
    "a further technique": ("grid.techniques", ["lora", "adapters", "ia3"], {"runs", "report", "costs"}),
    "one technique less": ("grid.techniques", ["lora"], {"runs", "report", "costs"}),
    "a further transfer": (
        "grid.transfers",
        [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}],
        {"runs", "report"},
    ),
    "a control with shuffled labels": (
        "grid.initialisations",
        ["ported", "sampled", "scratch", "random_target"],
        {"runs", "report"},
    ),
    "a control over siblings": (
        "grid.initialisations",
        ["ported", "sampled", "scratch", "target_mean"],
        {"runs", "report"},
    ),
    "one control less": ("grid.initialisations", ["ported", "scratch"], {"runs", "report"}),
}


def edited(path, value):
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    part = config
    for name in parents:
        part = part.setdefault(name, {})
    part[last] = value
    return config


def keys(config):
    """Stage to entry to key."""
    study = Study(check_config(config))
    of = Keys(study)
    return {
        "dataset": {name: of.dataset(name) for name in (*study.datasets, *study.derived)},
        "overlap": {"": of.overlap()},
        "host": {name: of.host(name) for name in study.hosts},
        "identity": {name: of.identity(name) for name in study.hosts},
        "card": {name: of.card(name) for name in study.hosts},
        "labels": {f"{host} {name}": of.labels(host, name) for host in study.hosts for name in study.datasets},
        "prompts": {f"{host} {name}": of.prompts(host, name) for host, name in study.encoded},
        "transfer": {str(one): of.transfer(one["source"], one["target"]) for one in study.copied_transfers},
        "source": {source.path: of.source(source) for source in study.sources},
        "module": {source.path: of.module(source) for source in study.sources},
        "start": {start.folder(start.block): of.start(start) for start in study.starts},
        "evaluation": {cell.path: of.evaluation(cell) for cell in study.cells},
        "runs": {"": of.runs()},
        "statistics": {"": of.statistics("contrasts")},
        "portability": {"": of.statistics("portability")},
        "report": {"": of.report(["runs", "contrasts", "techniques"], {})},
        "costs": {host: of.costs(host) for host in study.targets},
        "techniques": {"": of.table("techniques")},
    }


def moved(before, after):
    """Stages in which an entry that is in both has another key."""
    return {
        stage
        for stage, entries in before.items()
        if any(after[stage].get(name, key) != key for name, key in entries.items())
    }


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_moves_what_depends_on_it(edit):
    path, value, expected = EDITS[edit]
    if "runs" in expected:
        expected = expected | {"statistics", "portability", "techniques"}
    assert moved(keys(CONFIG), keys(edited(path, value))) == expected


# what a training in the target host reads, and of `native` and `bare` only a test
READS = {
    "training.batch_size": 7,
    "training.warmup_steps": 9,
    "training.weight_decay": 0.5,
    "training.gradient_clip": 0.5,
    "training.max_tokens": 64,
    "training.host_precision": "bfloat16",
    "training.members_together": 3,
    "techniques.lora.learning_rate": 0.02,
    "techniques.lora.rank": 2,
}


@pytest.mark.parametrize("path", READS)
def test_whatever_a_training_in_the_target_reads_is_in_the_key_of_its_cell(path):
    """On its own: `scratch` starts from no source, whose key would move with it."""
    config = copy.deepcopy(CONFIG)
    config["grid"] |= {"initialisations": ["scratch"], "techniques": ["lora"], "references": []}
    changed = copy.deepcopy(config)
    *parents, last = path.split(".")
    part = changed
    for name in parents:
        part = part.setdefault(name, {})
    part[last] = READS[path]
    before, after = (keys(one)["evaluation"] for one in (config, changed))
    assert before.keys() == after.keys() != set()
    assert all(after[name] != key for name, key in before.items())


def test_a_rate_more_or_less_in_a_list_is_another_setting():
    rates = [[0.01], [0.01, 0.02], [0.01, 0.02, 0.03]]
    found = [keys(edited("techniques.lora.learning_rate", one))["evaluation"] for one in rates]
    name = next(name for name in found[0] if "/lora/" in name)
    assert len({one[name] for one in found}) == len(rates)


def test_the_learning_rate_of_one_technique_moves_that_technique():
    before, after = keys(CONFIG), keys(edited("techniques.lora.learning_rate", 0.02))
    for stage in ("source", "module", "start", "evaluation"):
        for name, key in before[stage].items():
            fresh = "scratch" in name and stage == "start"  # a fresh initialisation does not depend on it
            assert (after[stage][name] != key) == ("/lora/" in name and not fresh), name


def test_cells_that_share_a_job_share_a_key():
    """And the others keep theirs."""
    before = keys(CONFIG)["evaluation"]
    after = keys(edited("grid.initialisations_together", True))["evaluation"]
    for name, key in after.items():
        shared = "/ported/" in name or "/sampled/" in name
        assert (key != before[name]) == shared, name
        if shared:
            assert key == after[name.replace("/ported/", "/sampled/")] == after[name.replace("/sampled/", "/ported/")]


def test_one_dataset_moves_only_what_reads_it():
    before, after = keys(CONFIG), keys(edited("datasets.book.template", "review: {text}"))
    assert before["source"].items() - after["source"].items() == {
        (name, key) for name, key in before["source"].items() if "/book/" in name
    }
    for name, key in before["evaluation"].items():
        assert (after["evaluation"][name] != key) == ("--book/" in name), name


def test_prompts_are_those_of_their_host_and_dataset():
    before = keys(CONFIG)["prompts"]
    assert set(before) == {"raw film", "instruct film", "instruct book"}
    after = keys(edited("datasets.book.template", "review: {text}"))["prompts"]
    assert {name for name in before if before[name] != after[name]} == {"instruct book"}
    after = keys(edited("hosts.instruct.bundled", "reviews-raw"))["prompts"]
    assert {name for name in before if before[name] != after[name]} == {"instruct film", "instruct book"}


@pytest.mark.parametrize("name", ["random_target", "target_mean"])
def test_a_control_adds_its_own_sources_only(name):
    before = keys(CONFIG)
    after = keys(edited("grid.initialisations", ["ported", "sampled", "scratch", name]))
    for stage in ("dataset", "source", "module", "start", "evaluation"):
        assert before[stage].items() <= after[stage].items()
    added = after["source"].keys() - before["source"].keys()
    expected = {
        "random_target": {f"sources/{technique}/raw/film@random/seeds-0-1" for technique in ("lora", "adapters")},
        "target_mean": set(),  # the modules of `native` are there already
    }
    assert added == expected[name]
    assert after["dataset"].keys() - before["dataset"].keys() == ({"film@random"} if added else set())


# what moves the key of a start that is fitted to texts of `book` in `instruct`, and in which other starts of its kind
FITTED = {
    "the target host": ("hosts.instruct", {"bundled": "reviews-raw"}, {"sampled", "film", "book"}),
    "the target dataset's prompt": ("datasets.book.template", "review: {text}", {"book"}),
    "the target dataset's texts": ("datasets.book.source.generated.seed", 3, {"book"}),
    "a setting of the technique": ("techniques.lora.rank", 2, {"sampled", "film", "book"}),
    "the learning rate": ("techniques.lora.learning_rate", 0.02, {"sampled", "film", "book"}),
    "another technique": ("techniques.adapters.bottleneck", 2, set()),
    "the batch of the test": ("evaluation.batch_size", 7, set()),
    "the budgets": ("grid.budgets", [0, 5], set()),
}


@pytest.mark.parametrize("edit", FITTED)
def test_a_fitted_start_depends_on_its_host_texts_and_technique(edit):
    def starts(config):
        config["grid"]["initialisations"] = ["sampled", "matched"]
        found, folder = keys(config)["start"], "starts/lora/raw--instruct/film--"
        names = {"sampled": "any/sampled", "film": "film/matched", "book": "book/matched"}
        return {name: found[f"{folder}{path}/seed-0-1"] for name, path in names.items()}

    path, value, expected = FITTED[edit]
    before, after = starts(edited("study", "keys")), starts(edited(path, value))
    assert {name for name in before if before[name] != after[name]} == expected


def test_a_fitted_start_depends_on_the_code_that_it_reaches(monkeypatch):
    of, asked = Keys(Study(check_config(edited("grid.initialisations", ["matched"])))), {}
    monkeypatch.setattr(
        "peftport.planning.keys.stage_code", lambda script, *names: asked.setdefault(script, names) and script
    )
    of.start(next(start for start in of.study.starts if start.technique == "lora"))
    rule, technique = "peftport.porting.matched", "peftport.techniques.lora"
    host = {"peftport.hosts.families.t5", "peftport.prompting.lm_types.encoder_decoder"}
    assert set(asked["match_starts"]) == {rule, technique, *host}


def test_decontamination_moves_the_pairs_of_different_datasets_only():
    before, after = keys(CONFIG), keys(edited("decontaminate", True))
    changed = {name for name, key in before["evaluation"].items() if after["evaluation"][name] != key}
    assert changed == {name for name in before["evaluation"] if "/film--book/" in name}
    assert before["source"].items() <= after["source"].items()
    added = after["source"].keys() - before["source"].keys()
    assert added == {f"sources/{technique}/raw/film@without-book/seeds-0-1" for technique in ("lora", "adapters")}


def test_a_decontaminated_dataset_depends_on_both():
    config = edited("decontaminate", True)
    before = keys(config)["dataset"]
    config["datasets"]["book"]["source"]["generated"]["seed"] = 5
    after = keys(config)["dataset"]
    assert {name for name in before if before[name] != after[name]} == {"book", "film@without-book"}


def test_a_host_of_files_follows_their_content(tmp_path, monkeypatch):
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    config = edited("hosts.instruct", {"path": str(tmp_path)})
    config["grid"]["initialisations"] = ["scratch"]
    before = keys(config)
    (tmp_path / "model.safetensors").write_text("{ }")
    monkeypatch.setattr("peftport.planning.keys._file", file_digest)  # else each file is read once in a process
    assert moved(before, keys(config)) >= {"host", "identity", "card", "start", "evaluation"}


def test_a_host_reaches_its_own_family_and_reading_only():
    """Else an edit for one family would rerun the cells of all. A hub's host may be of any."""
    config = copy.deepcopy(CONFIG)
    config["hosts"]["hub"] = {"hub": {"id": "some/host"}}
    raw = {"corpus": {"generated": {"domains": ["film"]}}, "family": "bert"}
    config["hosts"] |= {"cloze": {"build": raw}, "further": {"build": {"base": "cloze", "instructions": GENERATED}}}
    of = Keys(Study(check_config(config)))
    families, readings = "peftport.hosts.families", "peftport.prompting.lm_types"
    t5 = [f"{families}.t5", f"{readings}.encoder_decoder", "peftport.evaluation.lm_types.encoder_decoder"]
    bert = [f"{families}.bert", f"{readings}.masked", "peftport.evaluation.lm_types.masked"]
    assert of._answering("raw") == t5
    assert of._answering("cloze") == of._answering("further") == bert
    assert set(of._answering("hub")) > {*t5, *bert}
    assert of.host("cloze") != of.host("further")
