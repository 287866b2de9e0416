"""What a config says of a dataset's labels and faulty rows reaches the job that prepares it."""

import pandas as pd

from peftport.storage.parquet import read_provenance, read_table
from tests import studies

TARGETS = [f"results/smoke/datasets/{name}/train.parquet" for name in ("film", "noisy")]
WORDS = (("good", "positive"), ("bad", "negative"))


def test_noise_and_dropped_rows_reach_the_job(tmp_path, hosts):
    """The same file twice: as it is but for its faulty rows, and with noise."""
    rows = [f'"a {word} film, number {number}",{label}' for number in range(60) for word, label in WORDS]
    (tmp_path / "film.csv").write_text("\n".join(["text,label", *rows, ",positive", '"no label",']) + "\n")
    plain = {
        "source": {"files": [{"path": "film.csv"}]},
        "labels": {"negative": "negative", "positive": "positive"},
        "drop": ["empty", "unlabelled"],
    }
    pairs = [{"source": "film", "target": "film"}, {"source": "noisy", "target": "noisy"}]
    config = studies.smoke_config(hosts, dataset_pairs=pairs)
    config["datasets"] = {"film": plain, "noisy": plain | {"label_noise": 0.25}}
    studies.finish(tmp_path, config, *TARGETS)
    film, noisy = (read_table(tmp_path / target, "examples") for target in TARGETS)
    assert (film["label"] != noisy["label"]).sum() == round(0.25 * len(film)) == 24
    pd.testing.assert_frame_equal(film.drop(columns="label"), noisy.drop(columns="label"))
    told, facts = (read_provenance(tmp_path / target)["facts"] for target in TARGETS)
    assert told["left_out"] == facts["left_out"] == 2
    assert facts["labels_exchanged"] == {"train": 24} and "labels_exchanged" not in told
