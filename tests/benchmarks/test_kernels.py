"""The measurement of products and attention runs at a tiny size and says what it measured."""

import pytest
import torch

from benchmarks import kernels


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_the_page_has_a_row_per_shape(tmp_path, monkeypatch):
    sizes = {"SECONDS": 0, "WIDTHS": (8, 16), "ROWS": (4,), "TEXTS": ((2, 3),), "HEADS": (4, 80)}
    for name, value in sizes.items():
        monkeypatch.setattr(kernels, name, value)
    kernels.main(["--repetitions", "2", "--out", str(tmp_path)])
    (page,) = tmp_path.iterdir()
    rows = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")]
    assert [row[:-3] for row in rows if row[0].isdigit()] == [
        ["8", "4"],
        ["16", "4"],
        ["2", "3", "4"],
        ["2", "3", "80"],
    ]
