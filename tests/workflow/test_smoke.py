"""A whole small study in a folder of its own: what it leaves, and that a second run finds nothing to do."""

import json
import re

from peftport.evaluation.gather import KEYS
from peftport.storage.code_stamp import PARSED
from peftport.storage.parquet import read_provenance
from tests import studies


def test_tables_hold_the_whole_grid(finished):
    runs, references = studies.read_tables(finished, "runs", "references")
    assert len(runs) == 2 * 1 * 1 * 3 * 2 * 1  # techniques, transfers, pairs, initialisations, budgets, seeds
    assert not runs.duplicated(KEYS).any()
    assert runs["accuracy"].between(0, 1).all()
    assert set(runs["source_host"]) == {"raw"}  # scratch counts under the transfer, not under `any`
    assert sorted(references["initialisation"]) == ["bare", "native", "native"]


def test_the_learning_rate_and_the_second_yardstick_stand_in_the_tables(finished):
    runs, references = studies.read_tables(finished, "runs", "references")
    for table in (runs, references):
        assert table["calibrated_accuracy"].between(0, 1).all() and (table["choice_log_likelihood"] < 0).all()
        trained = (table["budget_steps"] > 0) | (table["initialisation"] == "native")
        assert (table.loc[trained, "learning_rate"] == 0.01).all()
        assert table.loc[~trained, "learning_rate"].isna().all()


def test_scratch_and_bare_agree_with_the_law_of_lora(finished):
    """LoRA's B starts at zero, so before training its scratch module is the bare host."""
    runs, references = studies.read_tables(finished, "runs", "references")
    scratch = runs.query("technique == 'lora' and initialisation == 'scratch' and budget_steps == 0")
    bare = references.query("initialisation == 'bare'")
    assert scratch["accuracy"].item() == bare["accuracy"].item()
    assert abs(scratch["loss"].item() - bare["loss"].item()) < 1e-6


def test_every_table_says_how_it_was_made(finished):
    files = list((finished / "results").rglob("*.parquet"))
    assert len(files) > 20
    for file in files:
        made = read_provenance(file)
        assert re.fullmatch(r"[0-9a-f]{16}", made["key"]), file
        assert {"torch", "transformers", "peft"} <= set(made["versions"]), file
        computed = file.relative_to(finished / "results/smoke").parts[0] in ("sources", "evaluations", "costs")
        assert not computed or set(made["computed_by"]) == {"device", "dtype", "kernels", "threads"}, file


def test_every_module_is_a_peft_directory_with_a_card(finished):
    cards = list((finished / "results").rglob("seed-0/card.json"))
    assert len(cards) == 2 * 2 + 2 * 3  # modules of two techniques in two hosts, and starts of three initialisations
    for card in cards:
        facts = json.loads(card.read_text())
        assert facts["key"] and facts["weights_sha256"] and facts["parameters"] > 0
        assert (card.parent / "adapter_config.json").is_file()


def test_nothing_partial_is_left(finished):
    assert not [path for path in (finished / "results").rglob("*") if "partial" in path.name]


def test_report_opens_from_disk(finished):
    page = (finished / "results/smoke/report.html").read_text()
    assert page.count("<svg") == 4
    assert not re.search(r"""(src|href)=["']https?:""", page)


def test_second_run_has_nothing_to_do(copy):
    out = studies.run(copy)
    assert out.returncode == 0
    assert "Nothing to be done" in out.stdout


def test_a_plan_keeps_what_it_parsed_and_the_next_parses_nothing(finished, tmp_path, monkeypatch):
    (tmp_path / "results").symlink_to(finished / "results")
    (tmp_path / "study.yaml").symlink_to(finished / "study.yaml")
    monkeypatch.delenv(PARSED)
    kept = tmp_path / ".snakemake/peftport/parsed/code.json"
    ages = [(studies.dry_run(tmp_path), kept.stat().st_mtime_ns)[1] for _ in range(2)]
    assert ages[0] == ages[1]  # what is parsed is written


def test_techniques_are_described_and_costed(finished):
    results = finished / "results/smoke"
    techniques = studies.read_tables(finished, "techniques")[0].set_index("technique")
    assert set(techniques.index) == {"lora", "adapters"} and set(techniques["target_host"]) == {"instruct"}
    assert techniques.loc["adapters", "integration_form"] == "direct addition"
    modules = {name: results / studies.module_folder(name, "raw", "film") for name in techniques.index}
    sizes = {name: (folder / "adapter_model.safetensors").stat().st_size for name, folder in modules.items()}
    cards = {name: json.loads((folder / "card.json").read_text()) for name, folder in modules.items()}
    assert {name: card["parameters"] for name, card in cards.items()} == techniques["parameters"].to_dict()
    assert sizes == techniques["storage_bytes"].to_dict()
    assert (techniques[["step_over_full", "forward_over_bare", "step_bytes_over_full"]] > 0).all(axis=None)
    assert techniques["steps_to_95_percent"].between(1, 4).all()


def test_snakemakes_own_report_is_made(finished, tmp_path):
    out = studies.run(finished, "--report", str(tmp_path / "report.html"))
    assert out.returncode == 0, out.stdout
    assert (tmp_path / "report.html").stat().st_size > 100_000
