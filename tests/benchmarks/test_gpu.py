"""The measurements of steps run on a CPU at tiny sizes, and their arithmetic is right."""

import pytest
import torch

from benchmarks import fused, gpu
from benchmarks.device_hours import Costs, counts, extrapolated
from benchmarks.steps import Steps
from peftport.study.grid import Study
from peftport.study.training_steps import optimiser_steps


def measured(members, seconds):
    return Steps(members, seconds, seconds, 1000.0 * members, 64.0 * members, 0.1, None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: python -m benchmarks.gpu")
def test_without_a_gpu_the_page_says_so_and_has_every_technique(tmp_path):
    path = gpu.main(["--members", "1,2", "--steps", "1", "--out", str(tmp_path)])
    text = path.read_text()
    assert path.name.endswith("gpu-missing.md") and "GPU figures are missing" in text
    measured = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| tiny |")]
    assert measured == [name for name in gpu.TECHNIQUES for _ in range(2)]
    assert "| not measured |" not in text and "| out of memory |" not in text
    assert "not extrapolated: not measured are base, large" in text


def test_memory_that_runs_out_ends_a_technique(monkeypatch):
    def time_steps(model, task, data, members, steps):
        if members > 2:
            raise torch.OutOfMemoryError("simulated")
        return measured(members, 0.1)

    monkeypatch.setattr(gpu, "time_steps", time_steps)
    found = gpu.measure("tiny", torch.device("cpu"), torch.bfloat16, [1, 2, 4, 8], 1, float("inf"))
    assert all(list(by_number) == [1, 2, 4] and by_number[4] is None for by_number in found.steps.values())
    said = [row["ms per step"] for row in gpu.rows(found, [1, 2, 4, 8], 1e9)][:4]
    assert said == ["100.0", "100.0", "out of memory", "not measured"]


def test_operations_are_four_per_token_and_weight():
    found = gpu.Measurements("tiny", weights={"encoder": 10, "cross": 5, "decoder": 7})
    assert found.flops(measured(2, 1.0)) == 4 * (15 * 2000 + 7 * 128)


def test_the_extrapolation_counts_every_step_and_test():
    config = gpu.study_config()
    study = Study(config)
    by_kind, tests = counts(study)
    assert sum(by_kind.values()) == optimiser_steps(study)
    assert {shape for shape, _ in by_kind} == {"base", "large"}
    computed = sum(len(study.blocks[cell.block]) * 3 for cell in study.cells if not cell.is_reference)
    references = sum(len(study.blocks[cell.block]) for cell in study.cells if cell.is_reference)
    assert sum(tests.values()) == computed + references
    one = {1: measured(1, 0.36), 4: measured(4, 0.72), 8: measured(8, 0.72)}
    costs = {shape: Costs(dict.fromkeys(gpu.TECHNIQUES, one), 1e9) for shape in ("base", "large")}
    text, total = extrapolated(config, costs), sum(by_kind.values())
    for seconds in (0.36, 0.18, 0.09):
        assert f"{total * seconds / 3600:.2f}" in text
    lacking = {shape: Costs({name: {1: None} for name in gpu.TECHNIQUES}, 1e9) for shape in ("base", "large")}
    assert "not known: not measured are base adapters" in extrapolated(config, lacking)


def test_the_measurement_on_a_cpu_writes_its_table(tmp_path, capsys):
    given = ["--hosts", "bundled", "--techniques", "lora", "--members", "1,2", "--steps", "1"]
    fused.main([*given, "--out", str(tmp_path)])
    (page,) = tmp_path.iterdir()
    assert page.read_text().count("| bundled | lora |") == 2
