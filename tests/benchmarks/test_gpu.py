"""The measurements of steps run on a CPU at tiny sizes, and their arithmetic is right."""

import pytest
import torch

from benchmarks import gpu
from benchmarks.device_hours import Costs, counts, extrapolated
from benchmarks.steps import Steps
from peftport.study.settings import StudySettings
from peftport.study.study import Study
from peftport.study.training_steps import optimiser_steps


def measured(seconds):
    return Steps(seconds, seconds, 1000.0, 64.0, 0.1, None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: python -m benchmarks.gpu")
def test_without_a_gpu_the_page_says_so_and_has_every_technique(tmp_path):
    path = gpu.main(["--steps", "1", "--out", str(tmp_path)])
    text = path.read_text()
    assert path.name.endswith("gpu-missing.md") and "GPU figures are missing" in text
    measured = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| tiny |")]
    assert measured == list(gpu.TECHNIQUES)
    assert "| not measured |" not in text and "| out of memory |" not in text
    assert "not extrapolated: not measured are base, large" in text


def test_memory_that_runs_out_and_time_that_is_up_are_said(monkeypatch):
    clock = iter(range(100))

    def time_steps(model, task, data, steps):
        if model.active_peft_config.peft_type == "COMPACTER":
            raise torch.OutOfMemoryError("simulated")
        return measured(0.1)

    monkeypatch.setattr(gpu, "time_steps", time_steps)
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    found = gpu.measure("tiny", torch.device("cpu"), torch.bfloat16, 1, 2)
    assert list(found.steps) == list(gpu.TECHNIQUES[:3]) and found.steps["compacter"] is None
    said = [row["ms per step"] for row in gpu.rows(found, 1e9)]
    assert said == ["100.0", "out of memory", "100.0", *["not measured"] * (len(gpu.TECHNIQUES) - 3)]


def test_operations_are_four_per_token_and_weight():
    found = gpu.Measurements("tiny", weights={"encoder": 10, "cross": 5, "decoder": 7})
    assert found.flops(measured(1.0)) == 4 * (15 * 1000 + 7 * 64)


def test_the_extrapolation_counts_every_step_and_test():
    config = gpu.study_config()
    study = Study(StudySettings.model_validate(config))
    by_kind, tests = counts(study)
    assert sum(by_kind.values()) == optimiser_steps(study)
    assert {shape for shape, _ in by_kind} == {"base", "large"}
    computed = sum(len(study.seeds_of(cell.block)) * 3 for cell in study.cells if not cell.is_reference)
    references = sum(len(study.seeds_of(cell.block)) for cell in study.cells if cell.is_reference)
    assert sum(tests.values()) == computed + references
    costs = {shape: Costs(dict.fromkeys(gpu.TECHNIQUES, measured(0.36)), 1e9) for shape in ("base", "large")}
    text, total = extrapolated(config, costs), sum(by_kind.values())
    assert f"{total * 0.36 / 3600:.2f}" in text
    lacking = {shape: Costs(dict.fromkeys(gpu.TECHNIQUES), 1e9) for shape in ("base", "large")}
    assert "not extrapolated: not measured are base adapters" in extrapolated(config, lacking)
