"""A seed more or less in a list: only what is new runs, and what is not asked for is left out of the tables."""

import pytest

from tests import studies

NAMES = ("runs", "references", "portability", "contrasts")
FILES = [str(studies.RESULTS / f"tables/{name}.parquet") for name in NAMES]
AFTER = {"gather_runs", "compute_statistics"}


@pytest.mark.slow(seconds=90)
def test_seeds_come_and_go(hosts, tmp_path):
    def ask(seeds):
        grid = {"techniques": ["lora"], "initialisations": ["ported", "scratch"], "references": ["bare"]}
        studies.write_config(tmp_path, studies.smoke_config(hosts, **grid, seeds=seeds))
        return set(studies.planned(tmp_path, *FILES))

    def tables():
        out = studies.run(tmp_path, *FILES)
        assert out.returncode == 0, out.stdout
        assert studies.planned(tmp_path, *FILES) == {}
        return dict(zip(NAMES, studies.read_tables(tmp_path, *NAMES), strict=True))

    assert "train_source" in ask([0, 1])
    both = tables()
    assert ask([1]) <= AFTER
    fewer = tables()
    assert set(fewer["runs"]["seed"]) == {1} and set(fewer["portability"]["seeds"]) == {1}
    for name in ("runs", "references"):
        bare = both[name]["initialisation"] == "bare"
        rest = both[name][(both[name]["seed"] == 1) | bare].reset_index(drop=True)
        assert fewer[name].equals(rest)
    assert ask([0, 1]) <= AFTER
    again = tables()
    assert all(again[name].equals(both[name]) for name in both)
    assert "train_source" in ask([0, 1, 2])
    jobs = studies.planned(tmp_path, *FILES)
    assert (jobs["train_source"], jobs["make_starts"], jobs["evaluate_cell"]) == (1, 1, 2)  # none of the other seeds
