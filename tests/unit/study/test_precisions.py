"""Hosts with a precision of their own: what the config allows, and what stages, plan and report say of it."""

import json

import pytest

from peftport.hosts import precision as module
from peftport.hosts.precision import QUANTISED
from peftport.planning.graph import Graph
from peftport.planning.plan_text import precisions as told
from peftport.report.study import _origin, _precision
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.study.config import ConfigError, read_settings
from peftport.study.precisions import own_precisions
from peftport.study.study import Study
from peftport.techniques.settings import METHOD_SETTINGS
from peftport.techniques.table import NOT_QUANTISED

LABELS = {"negative": "negative", "positive": "positive"}
RATE = {"learning_rate": 0.01}
BEFORE, HALF = {"bundled": "reviews-raw"}, {"bundled": "reviews-raw", "precision": "bfloat16"}


def study(
    hosts=None, study_wide="float32", techniques=("lora",), merged=False, folder=None, kinds=("ported", "scratch")
):
    config = {
        "study": "precisions",
        "hosts": hosts or {"v1": BEFORE, "v1_half": HALF},
        "datasets": {"film": {"source": {"generated": {"domain": "film"}}, "labels": LABELS}},
        "techniques": {
            "lora": RATE,
            "ia3": RATE,
            "loha": RATE | {"method": "peft", "peft_type": "LOHA"},
            "prefix_tuning": RATE,
        },
        "training": {"host_precision": study_wide},
        "evaluation": {"merged": merged},
        "grid": {
            "techniques": [*techniques],
            "transfers": [{"source": "v1", "target": "v1_half"}, {"source": "v1_half", "target": "v1"}],
            "dataset_pairs": [{"source": "film", "target": "film"}],
            "initialisations": [*kinds],
            "budgets": [0, 3],
            "seeds": [0],
        },
    }
    return Study(read_settings(config, folder), folder) if folder else Study(read_settings(config))


def numbers(asked):
    """Of every job whose settings say it, the precision of the host in which it computes."""
    jobs = {rule: [(job, job.settings(asked)) for job in jobs] for rule, jobs in Graph(asked).stages.items()}
    return {
        (rule, getattr(job, "target_host", None) or job.host): settings["training"]["host_precision"]
        for rule in ("train_source", "evaluate_cell", "measure_costs")
        for job, settings in jobs[rule]
    }


def test_a_host_in_another_precision_is_a_host_of_its_own():
    """References too: `bare` and `native` of the variant are tested in its numbers."""
    asked = study()
    assert set(numbers(asked).values()) == {"float32", "bfloat16"}
    for (_, host), precision in numbers(asked).items():
        assert precision == {"v1": "float32", "v1_half": "bfloat16"}[host]
    native = EvaluateCell("lora", "v1_half", "v1_half", "film", "film", "native", "0")
    assert native.settings(asked)["training"] == {"host_precision": "bfloat16"}


def test_a_host_that_says_none_has_that_of_the_study():
    """Its definition, and so its key, and what its jobs are told are what they were."""
    asked = study({"v1": BEFORE, "v1_half": {"bundled": "reviews-instruct"}}, "bfloat16")
    assert set(numbers(asked).values()) == {"bfloat16"}
    assert asked.config.hosts["v1"].as_json() == BEFORE and own_precisions(asked) == {}
    assert asked.config.training.as_json() == Graph(asked).stages["train_source"][0].settings(asked)["training"]
    assert told({}) == [] and _precision(asked, "v1") == {}


def keys(hosts):
    graph = Graph(study(hosts, kinds=("ported", "matched", "scratch")))
    return {(rule, *job.names.values()): graph.key(job) for rule, jobs in graph.stages.items() for job in jobs}


def test_the_precision_is_in_the_key_of_whatever_reads_the_host():
    plain = {"v1": BEFORE, "v1_half": BEFORE}
    before, after = keys(plain), keys(plain | {"v1_half": HALF})
    moved = {rule for rule, *names in before if before[rule, *names] != after[rule, *names]}
    assert moved >= {"identify_host", "train_source", "make_starts", "match_starts", "initialise_scratch"}
    assert moved >= {"evaluate_cell", "measure_costs", "check_transfer"}
    own = {names: key for names, key in before.items() if "v1" in names and "v1_half" not in names}
    assert own and own.items() <= after.items()


def test_plan_and_report_have_a_line_at_the_host():
    asked = study()
    assert told(own_precisions(asked)) == ["precision of the hosts", "  v1       float32", "  v1_half  bfloat16"]
    assert [_precision(asked, name)["precision"] for name in ("v1", "v1_half")] == ["float32", "bfloat16"]
    assert _origin({"origin": asked.config.hosts["v1_half"].as_json()}) == "bundled reviews-raw"


def installed(monkeypatch, there=True):
    monkeypatch.setattr(module, "find_spec", lambda name: name if there else None)


@pytest.mark.parametrize("precision", QUANTISED)
def test_without_bitsandbytes_a_quantised_host_is_refused_before_any_job(precision, monkeypatch):
    installed(monkeypatch, there=False)
    message = rf"`hosts\.v1_half\.precision`: `{precision}` needs bitsandbytes, .*pip install 'peftport\[quantised\]'"
    hosts = {"v1": BEFORE, "v1_half": BEFORE | {"precision": precision}}
    with pytest.raises(ConfigError, match=message):
        study(hosts)
    with pytest.raises(ConfigError, match=r"`training\.host_precision`: "):
        study({"v1": BEFORE, "v1_half": HALF}, precision)
    installed(monkeypatch)
    assert own_precisions(study(hosts))["v1_half"] == precision


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"techniques": ("lora", "ia3")}, r"`grid\.techniques\.1`: `ia3` .*`v1_half`.*precision: nf4.*it scales what"),
        ({"techniques": ("loha",)}, r"`grid\.techniques\.0`: `loha` is not for .*peft's own types .*is not known"),
        ({"merged": True}, r"`evaluation\.merged`: .*the quantised host `v1_half` .*Expected false"),
    ],
)
def test_what_does_not_go_with_a_quantised_host_is_refused(edit, message, monkeypatch):
    installed(monkeypatch)
    study(**edit)  # bfloat16 goes with everything
    with pytest.raises(ConfigError, match=message):
        study({"v1": BEFORE, "v1_half": BEFORE | {"precision": "nf4"}}, **edit)


def test_what_adds_to_a_quantised_projection_is_allowed(monkeypatch):
    installed(monkeypatch)
    study({"v1": BEFORE, "v1_half": BEFORE | {"precision": "int8"}}, techniques=("lora", "prefix_tuning"))
    assert NOT_QUANTISED.keys() < METHOD_SETTINGS.keys()


@pytest.mark.parametrize("key", ["hosts.v2.precision", "training.host_precision"])
def test_a_classification_head_reads_float32(key, tmp_path):
    """Also where only one of the two hosts is in other numbers; and its own key may say float32 in such a study."""
    hosts, own = {}, key.startswith("hosts")
    for name in ("v1", "v1_half"):
        (tmp_path / name).mkdir()
        for file in ("model.safetensors", "tokenizer.json"):
            (tmp_path / name / file).touch()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
        hosts[name] = {"path": name, "head": "classification", "precision": "float32"}
    wide = "float32" if own else "bfloat16"
    if own:
        hosts["v1_half"]["precision"] = "bfloat16"
    else:
        del hosts["v1_half"]["precision"]
    with pytest.raises(ConfigError, match=key.replace("v2", "v1_half").replace(".", r"\.") + "`: .*expected float32"):
        study(hosts, wide, folder=tmp_path)


def test_an_unknown_precision_is_refused_with_a_near_name():
    with pytest.raises(ConfigError, match=r"`hosts\.v1_half\.precision`: got \"bfloat\", .*Did you mean `bfloat16`"):
        study({"v1": BEFORE, "v1_half": BEFORE | {"precision": "bfloat"}})
