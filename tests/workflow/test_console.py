"""What a run and a dry run print: one line for each job, and errors of jobs whole."""

import pytest

from tests import studies

WIDTH = 200
APART = 90  # lines that are about no job: two tables of rules, reasons, warnings


def lines_of(printed):
    """The lines that a run printed; none is too long, and there are not many more than jobs."""
    lines, jobs = printed.splitlines(), sum(studies.job_counts(printed).values())
    assert max(map(len, lines)) <= WIDTH, printed
    assert len(lines) <= jobs + APART, printed
    return lines


def test_a_run(finished):
    """The fork server and its libraries say nothing."""
    printed = (finished / "printed.txt").read_text()
    lines = lines_of(printed)
    assert "[transformers]" not in printed and "%|" not in printed
    assert any("lora, ported: evaluate in host instruct on film, seeds 0 (from raw, film)" in line for line in lines)
    assert any("Report: write the page" in line for line in lines)
    assert not [line for line in lines if line.startswith("    input:")]
    verdict = (finished / studies.RESULTS / "verdict.txt").read_text().strip()
    closing = printed[printed.index(verdict[:50]) :].splitlines()
    assert " ".join(closing[:-2]) == verdict
    assert closing[-2] == "Report: results/smoke/report.html" and closing[-1].startswith("Time: ")
    log = max((finished / ".snakemake/log").iterdir(), key=lambda path: path.stat().st_size)
    assert "Reason: " in log.read_text()  # Snakemake's own log has what the terminal leaves out


def test_a_dry_run(hosts, tmp_path):
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    out = studies.run(tmp_path, "--dry-run")
    assert out.returncode == 0, out.stdout
    lines = lines_of(out.stdout)
    assert "lora: train modules in host raw on film, seeds 0" in lines
    assert "adapters: make modules (sampled) for host instruct (from raw, film, seeds 0)" in lines
    assert lines.count("Figure portability_matrix: draw") == 1


def test_a_part_of_the_study_closes_without_a_verdict(hosts, tmp_path):
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    out = studies.run(tmp_path, "--until", "prepare_dataset")
    assert out.returncode == 0, out.stdout
    assert "Dataset film: read, clean and split" in lines_of(out.stdout)[-1]


def test_a_failing_job_shows_its_message_its_log_and_its_error(hosts, tmp_path):
    config = studies.smoke_config(hosts)
    config["datasets"]["film"]["source"] = {"files": [{"path": "few.csv"}]}
    (tmp_path / "few.csv").write_text("text,label\na fine book,positive\na dull book,negative\n")
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path, "--until", "prepare_dataset")
    assert out.returncode != 0
    assert "Error in rule prepare_dataset: Dataset film: read, clean and split" in out.stdout
    assert "log: results/smoke/logs/prepare_dataset/film.log" in out.stdout
    assert "\nerror (prepare_dataset, dataset film): too few examples: split " in out.stdout
    assert "Complete log(s): " in out.stdout and "Time: " not in out.stdout


@pytest.mark.parametrize(("variable", "option"), [("full", "--nocolor"), ("", "--verbose")])
def test_in_full_a_job_shows_its_files_and_its_reason(variable, option, hosts, tmp_path, monkeypatch):
    monkeypatch.setenv("PEFTPORT_CONSOLE", variable)
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    printed = studies.dry_run(tmp_path, "--until", "prepare_dataset", option).stdout
    block = printed.partition("\nrule prepare_dataset:\n")[2]
    assert "    output: results/smoke/datasets/film/train.parquet, " in block
    assert "    reason: Missing output files: " in block and "    wildcards: dataset=film\n" in block
