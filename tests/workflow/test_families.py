"""One small study with hosts of two further families, built by the study itself; and transfers between families."""

import pytest

from peftport.storage.parquet import read_table
from tests import studies

CORPUS = {"generated": {"domains": ["film"], "documents": 300}}
SHAPE = {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 1, "vocabulary": 300}
WORDS = ["negative", "positive"]


def config(tmp_path):
    """Raw and instructed hosts, BERT-shaped and LLaMA-shaped."""
    study = studies.smoke_config(tmp_path)
    training = {"steps": 2, "batch_size": 8}
    raw = {"corpus": CORPUS, "shape": SHAPE, "pretraining": training, "words": WORDS}
    further = {"instructions": {"generated": {"domains": ["film"], "examples": 60}}, "training": training}
    study["hosts"] = {
        name: {"build": recipe}
        for family in ("bert", "llama")
        for name, recipe in (
            (f"{family}-raw", raw | {"family": family}),
            (f"{family}-instruct", further | {"base": f"{family}-raw"}),
        )
    }
    pairs = [{"source": f"{family}-raw", "target": f"{family}-instruct"} for family in ("bert", "llama")]
    study["grid"] |= {"transfers": pairs, "techniques": ["lora"], "initialisations": ["ported", "scratch"]}
    study["evaluation"] = {"generate": True}
    return study


@pytest.mark.slow(seconds=50)
def test_a_study_with_masked_and_causal_hosts(tmp_path):
    """From hosts in the making to the table of runs; what comes after that sees tables alone."""
    studies.write_config(tmp_path, config(tmp_path))
    table = str(studies.RESULTS / "tables/runs.parquet")
    out = studies.run(tmp_path, table)
    assert out.returncode == 0, out.stdout
    runs = read_table(tmp_path / table, "runs")
    assert len(runs) == 2 * 2 * 2  # transfers, initialisations, budgets
    assert runs["generated_accuracy"].between(0, 1).all()
    assert studies.planned(tmp_path, table) == {}


def test_a_transfer_between_families_is_refused_before_any_job(tmp_path):
    study = config(tmp_path)
    study["grid"]["transfers"] = [{"source": "bert-raw", "target": "llama-raw"}]
    studies.write_config(tmp_path, study)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert "a module cannot be copied bert-raw -> llama-raw" in out.stdout
    assert "model_type: bert in bert-raw, llama in llama-raw" in out.stdout
    assert not (tmp_path / "results").exists()


def test_a_gap_for_a_host_that_fills_none_is_refused_before_any_job(tmp_path):
    study = config(tmp_path)
    study["datasets"]["film"]["template"] = "{text} it was {answer} ."
    studies.write_config(tmp_path, study)
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert "config key `datasets.film.template`" in out.stdout and "expected {answer} at the end" in out.stdout
