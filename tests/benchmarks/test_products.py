"""The measurement of products runs at a tiny size and says what it measured."""

import pytest
import torch

from benchmarks import products


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_the_page_has_a_row_per_width_and_number_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(products, "SECONDS", 0)
    products.main(["--widths", "8,16", "--rows", "4", "--out", str(tmp_path)])
    (page,) = tmp_path.iterdir()
    rows = [line.split("|")[1:3] for line in page.read_text().splitlines() if line.startswith("| ")][2:]
    assert [(int(width), int(number)) for width, number in rows] == [(8, 4), (16, 4)]
