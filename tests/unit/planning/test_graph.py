"""Which keys move for which edit of the config: those of the stages that depend on it, and no others."""

import copy

import pytest

from peftport.planning.graph import Graph, listed
from peftport.stages.table import STAGES
from peftport.study.config import read_settings
from peftport.study.study import Study

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
TABLES = {"gather_runs", "compute_statistics", "describe_techniques", "draw_figure", "write_report"}
FRESH = {"initialise_scratch"}
EVALUATED = {"evaluate_cell", *TABLES}
DISTANCES = {"measure_distances", "gather_distances"}  # which look at source modules too
TRAINED = {"train_source", "extract_modules", "make_starts", *DISTANCES, *EVALUATED}
COSTS = {"measure_costs"}
READ = {"encode_dataset", *TRAINED, *COSTS}
HOST = {"identify_host", "encode_labels", "describe_host", "check_transfer", *FRESH, *READ}

# path of the edit, its value, the stages in which an entry that stays has another key
EDITS = {
    "nothing": ("study", "keys", set()),
    "the title": ("title", "other", {"write_report"}),
    "a definition that is not picked": ("techniques.ia3", {"learning_rate": 0.5}, set()),
    "the margin": ("statistics.margin", 0.05, TABLES - {"gather_runs"}),
    "how often costs are timed": (
        "costs",
        {"repetitions": 2},
        {"measure_costs", "describe_techniques", "draw_figure", "write_report"},
    ),
    "the learning rate": ("techniques.lora.learning_rate", 0.02, TRAINED),
    "a list of learning rates": ("techniques.lora.learning_rate", [0.01, 0.02], TRAINED),
    "the texts of the calibration": ("evaluation.calibration_texts", 7, EVALUATED),
    "the rank": ("techniques.lora.rank", 2, TRAINED | FRESH | COSTS),
    "steps of the source": ("training.source_steps", 7, TRAINED),
    "which source module is kept": ("training.keep", "best", TRAINED),
    "the batch": ("training.batch_size", 7, TRAINED | COSTS),
    "length of a prompt": ("training.max_tokens", 64, READ),
    "numbers of the hosts": ("training.host_precision", "bfloat16", TRAINED | COSTS),
    "the batch of the test": ("evaluation.batch_size", 7, EVALUATED),
    "the budgets": ("grid.budgets", [0, 5], EVALUATED),
    "the prompt": ("datasets.film.template", "review: {text}", READ | {"encode_labels", "describe_host"}),
    "the seed of the texts": (
        "datasets.film.source.generated.seed",
        3,
        READ | {"prepare_dataset", "audit_overlap"},
    ),
    "a label word": (
        "datasets.film.labels",
        {"negative": "bad", "positive": "good"},
        READ | {"prepare_dataset", "audit_overlap", "encode_labels", "describe_host"},
    ),
    "numbers of one host": ("hosts.instruct.precision", "bfloat16", HOST),
    "another host of that name": ("hosts.instruct.bundled", "reviews-raw", HOST),
    "a further block of seeds": ("grid.seeds", [[0, 1], [2]], TABLES | DISTANCES),
    "a further technique": ("grid.techniques", ["lora", "adapters", "ia3"], TABLES | COSTS | DISTANCES),
    "one technique less": ("grid.techniques", ["lora"], TABLES | COSTS | DISTANCES),
    "a further transfer": (
        "grid.transfers",
        [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}],
        TABLES | {"gather_distances"},
    ),
    "a control with shuffled labels": (
        "grid.initialisations",
        ["ported", "sampled", "scratch", "random_target"],
        TABLES,
    ),
    "a control over siblings": (
        "grid.initialisations",
        ["ported", "sampled", "scratch", "target_mean"],
        TABLES,
    ),
    "one control less": ("grid.initialisations", ["ported", "scratch"], TABLES),
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
    """Rule to the names of each of its stages to its key."""
    graph = Graph(Study(read_settings(config)))
    return {
        rule: {"/".join(stage.names.values()): graph.key(stage) for stage in stages}
        for rule, stages in graph.stages.items()
    }


def moved(before, after):
    """Rules with a stage that is in both and has another key."""
    return {
        rule
        for rule, stages in before.items()
        if any(after[rule].get(names, key) != key for names, key in stages.items())
    }


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_moves_what_depends_on_it(edit):
    path, value, expected = EDITS[edit]
    assert moved(keys(CONFIG), keys(edited(path, value))) == expected


# what a training in the target host reads, and of `native` and `bare` only a test
READS = {
    "training.batch_size": 7,
    "training.warmup_steps": 9,
    "training.weight_decay": 0.5,
    "training.gradient_clip": 0.5,
    "training.max_tokens": 64,
    "training.host_precision": "bfloat16",
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
    before, after = (keys(one)["evaluate_cell"] for one in (config, changed))
    assert before.keys() == after.keys() != set()
    assert all(after[name] != key for name, key in before.items())


def test_a_rate_more_or_less_in_a_list_is_another_setting():
    rates = [[0.01], [0.01, 0.02], [0.01, 0.02, 0.03]]
    found = [keys(edited("techniques.lora.learning_rate", one))["evaluate_cell"] for one in rates]
    name = next(name for name in found[0] if name.startswith("lora/"))
    assert len({one[name] for one in found}) == len(rates)


def test_the_learning_rate_of_one_technique_moves_that_technique():
    before, after = keys(CONFIG), keys(edited("techniques.lora.learning_rate", 0.02))
    for rule in ("train_source", "extract_modules", "make_starts", "initialise_scratch", "evaluate_cell"):
        for name, key in before[rule].items():
            fresh = rule == "initialise_scratch"  # it does not depend on it
            assert (after[rule][name] != key) == (name.startswith("lora/") and not fresh), name


def test_one_dataset_moves_only_what_reads_it():
    before, after = keys(CONFIG), keys(edited("datasets.book.template", "review: {text}"))
    for rule in ("train_source", "evaluate_cell"):
        for name, key in before[rule].items():
            assert (after[rule][name] != key) == ("/book/" in name), name


def test_prompts_are_those_of_their_host_dataset_and_split():
    before = keys(CONFIG)["encode_dataset"]
    trained, tested = ("train", "validation"), ("train", "validation", "test")
    expected = {f"raw/film/{split}" for split in trained}
    expected |= {f"instruct/{name}/{split}" for name in ("film", "book") for split in tested}
    assert set(before) == expected
    after = keys(edited("datasets.book.template", "review: {text}"))["encode_dataset"]
    assert {name for name in before if before[name] != after[name]} == {n for n in expected if "/book/" in n}
    after = keys(edited("hosts.instruct.bundled", "reviews-raw"))["encode_dataset"]
    assert {name for name in before if before[name] != after[name]} == {n for n in expected if "instruct/" in n}


@pytest.mark.parametrize("name", ["random_target", "target_mean"])
def test_a_control_adds_its_own_sources_only(name):
    before = keys(CONFIG)
    after = keys(edited("grid.initialisations", ["ported", "sampled", "scratch", name]))
    for rule in ("prepare_dataset", "train_source", "extract_modules", "make_starts", "evaluate_cell"):
        assert before[rule].items() <= after[rule].items()
    expected = {
        "random_target": {f"{technique}/raw/film@random/0-1" for technique in ("lora", "adapters")},
        "target_mean": set(),  # the modules of `native` are there already
    }
    assert after["train_source"].keys() - before["train_source"].keys() == expected[name]
    assert set(after["randomise_labels"]) == ({"film"} if name == "random_target" else set())


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
        found, move = keys(config), "lora/raw/instruct/film"
        fitted = {name: found["match_starts"][f"{move}/{name}/matched/0-1/copy"] for name in ("film", "book")}
        return {"sampled": found["make_starts"][f"{move}/sampled/0-1"], **fitted}

    path, value, expected = FITTED[edit]
    before, after = starts(edited("study", "keys")), starts(edited(path, value))
    assert {name for name in before if before[name] != after[name]} == expected


def test_a_fitted_start_reaches_its_rule_technique_and_host():
    study = Study(read_settings(edited("grid.initialisations", ["matched"])))
    stage = next(stage for stage in Graph(study).stages["match_starts"] if stage.technique == "lora")
    rule, technique, kind = "peftport.porting.matched", "peftport.techniques.lora", "peftport.tasks.labels.prompts"
    host = {"peftport.hosts.families.t5", "peftport.prompting.lm_types.encoder_decoder"}
    assert set(stage.code(study)) == {rule, technique, kind, *host}


def test_decontamination_moves_the_pairs_of_different_datasets_only():
    before, after = keys(CONFIG), keys(edited("decontaminate", True))
    changed = {name for name, key in before["evaluate_cell"].items() if after["evaluate_cell"][name] != key}
    assert changed == {name for name in before["evaluate_cell"] if "/film/book/" in name}
    assert before["train_source"].items() <= after["train_source"].items()
    added = after["train_source"].keys() - before["train_source"].keys()
    assert added == {f"{technique}/raw/film@without-book/0-1" for technique in ("lora", "adapters")}


def test_a_decontaminated_dataset_depends_on_both():
    config = edited("decontaminate", True)
    before = keys(config)["decontaminate_dataset"]
    config["datasets"]["book"]["source"]["generated"]["seed"] = 5
    after = keys(config)["decontaminate_dataset"]
    assert before.keys() == {"film/book"} and before != after


def test_a_host_of_files_follows_the_content_of_the_files_that_are_read(tmp_path):
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text('{"model_type": "t5"}')
    config = edited("hosts.instruct", {"path": str(tmp_path)})
    config["grid"]["initialisations"] = ["scratch"]
    before = keys(config)
    (tmp_path / "README.md").write_text("about this host")
    assert moved(before, keys(config)) == set()
    (tmp_path / "model.safetensors").write_text("{ }")
    assert moved(before, keys(config)) >= {"identify_host", "describe_host", "initialise_scratch", "evaluate_cell"}


def test_a_host_reaches_its_own_family_and_lm_type_only():
    """Else an edit for one family would rerun the cells of all. A hub's host may be of any."""
    from peftport.stages.sections import answer_code, host_code

    config = copy.deepcopy(CONFIG)
    config["hosts"]["hub"] = {"hub": {"id": "some/host"}}
    raw = {"corpus": {"generated": {"domains": ["film"]}}, "family": "bert"}
    config["hosts"] |= {"cloze": {"build": raw}, "further": {"build": {"base": "cloze", "instructions": GENERATED}}}
    study = Study(read_settings(config))

    def reached(host):
        return [*host_code(study, host), *answer_code(study, host)]

    families, lm_types = "peftport.hosts.families", "peftport.prompting.lm_types"
    t5 = [f"{families}.t5", f"{lm_types}.encoder_decoder", "peftport.evaluation.lm_types.encoder_decoder"]
    bert = [f"{families}.bert", f"{lm_types}.masked", "peftport.evaluation.lm_types.masked"]
    assert reached("raw") == t5
    assert reached("cloze") == reached("further") == bert
    assert set(reached("hub")) > {*t5, *bert}


def test_no_two_jobs_share_a_key():
    """A file that stands in another's place is then known by its key."""
    config = edited("grid.initialisations", ["ported", "sampled", "scratch", "matched", "target_mean", "random_target"])
    found = [key for stages in keys(config).values() for key in stages.values()]
    assert len(found) == len(set(found))


def test_everything_is_asked_for_and_nothing_twice():
    graph = Graph(Study(read_settings(edited("decontaminate", True))))
    asked = [stage for stages in graph.stages.values() for stage in stages]
    assert len(asked) == len(set(asked))
    assert {type(stage) for stage in asked} <= set(STAGES.values())
    for stage in asked:
        assert {output.stage for output in graph.read(stage)} <= set(asked)
    cells = graph.stages["evaluate_cell"]
    assert sorted(cells, key=str) == sorted(map(stage_of, graph.study.cells), key=str)


def stage_of(cell):
    return STAGES["evaluate_cell"](**vars(cell))


def test_what_a_job_expects_are_the_keys_of_the_files_it_reads():
    graph = Graph(Study(read_settings(CONFIG)))
    stage = next(stage for stage in graph.stages["evaluate_cell"] if stage.initialisation == "ported")
    expected = graph.expected(stage)
    folder = f"results/keys/starts/{stage.technique}/raw--instruct/copy/film/ported/seeds-0-1"
    for seed in (0, 1):
        assert expected.pop(f"{folder}/seed-{seed}/card.json") == graph.key(stage.needs(graph.study)["starts"][0].stage)
    assert set(expected) == {
        "results/keys/hosts/instruct/host.json",
        *(
            f"results/keys/hosts/instruct/prompts/{stage.target_dataset}/{n}.parquet"
            for n in ("train", "validation", "test")
        ),
    }


def test_a_need_is_one_output_or_a_list():
    output = STAGES["identify_host"]("raw").output("host")
    assert listed(output) == listed([output]) == [output]


def further(base, corpus, folder, **more):
    """The key of a host trained further, which the study's target is, and the dataset jobs that are asked for."""
    hosts = CONFIG["hosts"] | {"instruct": {"build": {"base": base, "corpus": corpus, "steps": 2, **more}}}
    graph = Graph(Study(read_settings(CONFIG | {"hosts": hosts}, folder), folder))
    (stage,) = graph.stages["further_train_host"]
    return graph.key(stage), graph


def test_a_host_that_is_trained_further_depends_on_its_base_its_texts_and_how(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    corpus = {"files": ["*.txt"]}
    first, graph = further("raw", corpus, tmp_path)
    assert further("raw", corpus, tmp_path)[0] == first
    others = [further("raw", corpus, tmp_path, **more)[0] for more in ({"steps": 3}, {"weights": "all"}, {"seed": 1})]
    (tmp_path / "a.txt").write_text("two")
    others.append(further("raw", corpus, tmp_path)[0])
    (tmp_path / "b.txt").write_text("three")
    others.append(further("raw", corpus, tmp_path)[0])
    assert len({first, *others}) == 6
    (identified,) = [stage for stage in graph.stages["identify_host"] if stage.host == "instruct"]
    assert {output.stage for output in graph.read(identified)} == set(graph.stages["further_train_host"])
    objective = "peftport.host_building.objectives.encoder_decoder"
    assert objective in graph.stages["further_train_host"][0].code(graph.study)


def rewritten(coordinates, folder, **grid):
    """The graph of a study whose target is its source in other coordinates."""
    hosts = CONFIG["hosts"] | {"instruct": {"build": {"base": "raw", "coordinates": coordinates}}}
    return Graph(Study(read_settings(CONFIG | {"hosts": hosts, "grid": CONFIG["grid"] | grid}, folder), folder))


def test_a_host_in_other_coordinates_depends_on_its_base_and_on_which(tmp_path):
    graph = rewritten({"heads": "permutation"}, tmp_path)
    (stage,) = graph.stages["rewrite_host"]
    (other,) = rewritten({"units": "permutation"}, tmp_path).stages["rewrite_host"]
    assert graph.key(stage) != rewritten({"units": "permutation"}, tmp_path).key(other)
    (identified,) = [entry for entry in graph.stages["identify_host"] if entry.host == "instruct"]
    assert {output.stage for output in graph.read(identified)} == {stage}
    (base,) = [entry for entry in graph.stages["identify_host"] if entry.host == "raw"]
    assert {output.stage for output in graph.read(stage)} == {base}


def test_only_studies_with_such_a_host_ask_what_survives(tmp_path):
    graph = rewritten({"heads": "permutation"}, tmp_path)
    usual = Graph(Study(read_settings(CONFIG, tmp_path), tmp_path))
    for stage, name, more in (("compute_statistics", "table", "survival"), ("draw_figure", "figure", "what_survives")):
        asked = [{getattr(entry, name) for entry in one.stages[stage]} for one in (graph, usual)]
        assert asked[0] - asked[1] == {more} and not asked[1] - asked[0]
    (table,) = [entry for entry in graph.stages["compute_statistics"] if entry.table == "survival"]
    settings = table.settings(graph.study)["settings"]
    hosts = {"source_host": "raw", "target_host": "instruct", "map": "copy"}
    assert settings["changes"] == [hosts | {"coordinates": {"heads": "permutation"}}]
    assert settings["touched"] == {"lora": ["stream", "heads"], "adapters": ["stream"]}
    back = rewritten({"heads": "permutation"}, tmp_path, transfers=[{"source": "instruct", "target": "raw"}])
    (table,) = [entry for entry in back.stages["compute_statistics"] if entry.table == "survival"]
    assert table.settings(back.study)["settings"]["changes"][0]["target_host"] == "raw"


def test_a_dataset_that_is_a_corpus_alone_is_prepared_and_not_put_to_a_host(tmp_path):
    hosts = {"datasets": {"hotel": CONFIG["datasets"]["book"] | {"source": {"generated": {"domain": "hotel"}}}}}
    config = CONFIG | {"datasets": CONFIG["datasets"] | hosts["datasets"]}
    build = {"base": "raw", "corpus": {"dataset": "hotel"}, "steps": 2}
    study = Study(read_settings(config | {"hosts": CONFIG["hosts"] | {"instruct": {"build": build}}}))
    graph = Graph(study)
    assert {stage.dataset for stage in graph.stages["prepare_dataset"]} == {"film", "book", "hotel"}
    assert {stage.dataset for stage in graph.stages["encode_dataset"]} == {"film", "book"}
    assert set(study.used().datasets) == {"film", "book", "hotel"}
