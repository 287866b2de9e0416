"""The grid of a study: every run counted, nothing computed twice."""

from peftport.study.config import read_settings
from peftport.study.entries import Cell, Source, block_name
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

PAIRS = [{"source": "film", "target": "film"}, {"source": "book", "target": "film"}]
USUAL = {
    "techniques": ["lora", "adapters"],
    "transfers": [{"source": "raw", "target": "tuned"}, {"source": "tuned", "target": "raw"}],
    "dataset_pairs": PAIRS,
    "initialisations": ["ported", "sampled", "scratch"],
    "budgets": [0, 10, 50],
    "seeds": [[0, 1, 2]],
    "references": ["bare", "native"],
}


def made(decontaminate=False, **entries):
    """A grid with these entries, the others usual."""
    return Grid("s", GridSettings.model_validate(USUAL | entries), decontaminate)


def test_runs_are_the_whole_grid():
    study = made()
    assert study.runs == 2 * 2 * 2 * 3 * 3 * 3
    assert len({counted for counted, _ in study.expanded_runs()}) == 2 * 2 * 2 * 3


def test_scratch_is_computed_once_per_target():
    scratch = [cell for cell in made().cells if cell.initialisation == "scratch"]
    assert len(scratch) == 2 * 2  # techniques x target hosts; both dataset pairs share the target dataset
    assert {cell.source_host for cell in scratch} == {"any"}


def test_references_come_on_top():
    cells = made().cells
    assert sum(cell.initialisation == "bare" for cell in cells) == 2
    assert sum(cell.initialisation == "native" for cell in cells) == 2 * 2
    assert not [cell for cell in made(references=[]).cells if cell.is_reference]


def test_references_of_the_source_host_are_its_own_modules_and_itself_on_the_target_dataset():
    transfer = [{"source": "raw", "target": "tuned"}]
    usual, more = (made(transfers=transfer, references=["bare", "native", *also]) for also in ([], ["source"]))
    further = [cell for cell in more.cells if cell not in usual.cells]
    assert {(cell.target_host, cell.target_dataset) for cell in further} == {("raw", "film")}
    assert [(cell.technique, cell.initialisation) for cell in further] == [
        ("none", "bare"),
        ("lora", "native"),
        ("adapters", "native"),
    ]
    assert (
        made(references=["bare", "native", "source"]).cells == made().cells
    )  # both directions: they are there already
    alone = [cell for cell in made(transfers=transfer, references=["source"]).cells if cell.is_reference]
    assert alone == further and more.fresh == usual.fresh


def test_native_is_a_source_of_the_target_host():
    study = made()
    native = next(cell for cell in study.cells if cell.initialisation == "native")
    (source,) = study.sources_of(native)
    assert (source.host, source.dataset) == (native.target_host, native.target_dataset)


def test_a_further_block_of_seeds_leaves_the_first_alone():
    before, after = made(seeds=[[0, 1, 2]]), made(seeds=[[0, 1, 2], [3]])
    bare = {cell for cell in before.cells if cell.initialisation == "bare"}
    assert set(before.cells) <= set(after.cells)
    assert bare == {cell for cell in after.cells if cell.initialisation == "bare"}
    assert set(before.sources) < set(after.sources)


def test_each_seed_of_a_flat_list_is_a_block_of_its_own():
    study = made(seeds=[0, 7])
    assert study.blocks == {"0": [0], "7": [7]}
    assert made(seeds=[[0, 1], [7]]).blocks == {"0-1": [0, 1], "7": [7]}
    assert study.seeds_of("any") == [0] and study.seeds_of("7") == [7]


def test_block_names():
    assert [block_name(seeds) for seeds in ([0, 1, 2], [7], [0, 2, 5])] == ["0-2", "7", "0.2.5"]


def test_target_mean_takes_the_other_datasets_of_the_target_host():
    study = made(initialisations=["target_mean"], references=[])
    cell = Cell("lora", "raw", "tuned", "film", "film", "target_mean", "0-2")
    assert [(one.host, one.dataset) for one in study.sources_of(cell)] == [("raw", "film"), ("tuned", "book")]


def test_hosts_include_what_they_are_built_from():
    built = {"base": "raw", "instructions": {"generated": {"domains": ["film"], "examples": 10}}}
    hosts = {"raw": {"bundled": "reviews-raw"}, "tuned": {"build": built}, "spare": {"bundled": "reviews-raw"}}
    grid = CONFIG["grid"] | {"transfers": [{"source": "tuned", "target": "tuned"}]}
    study = Study(read_settings(CONFIG | {"hosts": hosts, "grid": grid}))
    assert study.hosts == ["tuned", "raw"]
    assert [*study.used().hosts] == ["tuned", "raw"] and [*study.used().techniques] == ["lora", "adapters"]


def starts(name, **keys):
    grid = {"initialisations": [name], "references": [], "techniques": ["lora"]} | keys.pop("grid", {})
    study = made(**grid, **keys)
    return study, {start.source_dataset: start for start in study.starts if start.source_host == "raw"}


def test_siblings_are_of_the_same_seed_on_other_datasets():
    study, found = starts("target_mean")
    for dataset, other in (("film", "book"), ("book", "film")):
        assert study.siblings(found[dataset], 1) == [(Source("lora", "tuned", other, "0-2"), 1)]


def test_siblings_are_of_the_other_seeds_where_there_is_one_dataset():
    pairs = [{"source": "film", "target": "film"}]
    study, found = starts("target_mean", grid={"dataset_pairs": pairs, "seeds": [[0, 1, 2], [5]]})
    assert study.siblings(found["film"], 5) == []  # refused by check_meaning
    study, found = starts("target_mean", grid={"dataset_pairs": pairs})
    assert study.siblings(found["film"], 1) == [(Source("lora", "tuned", "film", "0-2"), seed) for seed in (0, 2)]


def test_siblings_of_a_decontaminated_study_know_nothing_of_the_target_test_set():
    study, found = starts("target_mean", decontaminate=True)
    assert set(found) == {"film", "book@without-film"}
    assert study.siblings(found["film"], 0) == [(Source("lora", "tuned", "book@without-film", "0-2"), 0)]
    assert study.siblings(found["book@without-film"], 0) == [(Source("lora", "tuned", "film", "0-2"), 0)]


def test_the_source_of_random_target_is_trained_on_shuffled_labels():
    study, found = starts("random_target")
    assert {name: study.source_of(start).dataset for name, start in found.items()} == {
        "film": "film@random",
        "book": "book@random",
    }
    assert {cell.source_dataset for cell in study.cells} == {"film", "book"}
    assert set(study.derived) == {"film@random", "book@random"}


def test_a_fitted_start_is_of_its_target_dataset_and_others_of_any():
    pairs = [{"source": "film", "target": "film"}, {"source": "film", "target": "book"}]
    grid = {"dataset_pairs": pairs, "initialisations": ["sampled", "matched", "scratch"], "techniques": ["lora"]}
    grid |= {"transfers": [{"source": "raw", "target": "tuned"}]}
    study = made(**grid)
    assert [(start.source_dataset, start.target_dataset, start.initialisation) for start in study.starts] == [
        ("film", "any", "sampled"),
        ("film", "film", "matched"),
        ("any", "any", "scratch"),
        ("film", "book", "matched"),
    ]
    cleaned = {start.source_dataset for start in made(decontaminate=True, **grid).starts}
    assert cleaned == {"film", "any", "film@without-book"}


def test_decontamination_is_for_pairs_of_different_datasets():
    study, found = starts("random_target", decontaminate=True)
    assert set(found) == {"film", "book@without-film"}
    assert study.source_of(found["book@without-film"]).dataset == "book@without-film@random"
    assert set(study.derived) == {"film@random", "book@without-film", "book@without-film@random"}
    assert study.datasets == ["film", "book"]
    assert starts("ported")[0].derived == []


def test_scratch_copies_nothing():
    assert made(initialisations=["scratch"]).moving_transfers == []
    assert len(made().moving_transfers) == 2
