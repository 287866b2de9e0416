"""The generated studies are as large as asked, and finished files are made for every job."""

import pytest

from benchmarks.scale import generated, pretend_finished
from peftport.planning.graph import Graph
from peftport.study.config import read_settings
from peftport.study.study import Study


@pytest.mark.parametrize("cells", [1000, 5000, 20000])
def test_size(cells):
    study = Study(read_settings(generated(cells)))
    counted = {cell for cell, _ in study.expanded_runs()}
    assert len(counted) == cells
    assert study.runs == 15 * cells


def test_every_output_is_made(tmp_path):
    study = Study(read_settings(generated(200)))
    jobs = pretend_finished(study, tmp_path)
    assert jobs == sum(map(len, Graph(study).stages.values()))
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {"results/scale/report.html", "results/scale/modules/lora0/host0/film/seeds-0-4"} <= made
