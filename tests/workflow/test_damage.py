"""A damaged file is found by its checksum before it is used, named and set aside; the next run ends as if undamaged."""

import itertools
import shutil

import pandas as pd
import pytest

from tests import studies

ROUTE, PAIR = "raw--instruct", "film--film"
MODULE = studies.module_folder("lora", "raw", "film")
OTHER_MODULE = studies.module_folder("adapters", "raw", "film")
NATIVE_MODULE = studies.module_folder("lora", "instruct", "film")
SOURCE = studies.source_folder("lora", "raw", "film")
NATIVE_SOURCE = studies.source_folder("adapters", "instruct", "film")
START = studies.start_folder("lora", ROUTE, "film", "ported")
OTHER_START = studies.start_folder("adapters", ROUTE, "film", "ported")
CELL = studies.cell_folder("lora", ROUTE, PAIR, "ported")
OTHER_CELL = studies.cell_folder("adapters", ROUTE, PAIR, "ported")
NATIVE_MODULES = NATIVE_SOURCE.replace("sources", "modules")
NATIVE_CELL = studies.cell_folder("lora", "any--instruct", "any--film", "native")
TABLES = [str(studies.RESULTS / f"tables/{name}.parquet") for name in ("runs", "references", "portability")]
# Each run: what is damaged -> the file, the job that reads it, and what is asked for so that this job runs. The faults
# of a run lie in branches of their own, and later runs look further up, so that no fault hides another.
RUNS = [
    {"table of runs": ("tables/runs.parquet", "compute_statistics", "tables/contrasts.parquet")},
    {
        "scores": (f"{CELL}/scores.parquet", "gather_runs", "tables/runs.parquet"),
        "predictions": (f"{OTHER_CELL}/predictions.parquet", "gather_runs", "tables/runs.parquet"),
    },
    {
        "start": (f"{START}/adapter_model.safetensors", "evaluate_cell", f"{CELL}/scores.parquet"),
        "config of a module": (f"{OTHER_MODULE}/adapter_config.json", "make_starts", f"{OTHER_START}/card.json"),
        "card of a module": (f"{NATIVE_MODULE}/card.json", "evaluate_cell", f"{NATIVE_CELL}/scores.parquet"),
        "trained state": (f"{NATIVE_SOURCE}/state.safetensors", "extract_modules", NATIVE_MODULES),
    },
]
# what these would make again is the whole study; they come last, and the tables are not made once more
UPSTREAM = [
    {
        "prompts": ("hosts/raw/prompts/film/train.parquet", "train_source", f"{SOURCE}/state.safetensors"),
        "card of a host": ("hosts/instruct/host.json", "encode_labels", "hosts/instruct/labels/film.json"),
    },
    {"examples": ("datasets/film/train.parquet", "encode_dataset", "hosts/raw/prompts/film/train.parquet")},
]


def flip(path):
    """Turn one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    """Leave the first half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def output_of(path):
    """What a stage makes as one: the file, or the folder of a block of modules."""
    blocks = (folder for folder in (path, *path.parents) if folder.name.startswith("seeds-"))
    in_a_block = {"modules", "starts"} & set(path.parts)
    return next(blocks) if in_a_block else path


def remove(path):
    """Remove what a stage made, so that it is made again.

    Of an output that is a folder Snakemake does not see that a file in it is newer.
    """
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def run_damaged(study, faults, damages):
    """Damage files, and ask for what is made from them: each is named by the job that reads it, and set aside.

    Args:
        faults: the file, the job that reads it, and what is asked for; one entry a fault.
        damages: what is done to each file.
    """
    results = study / studies.RESULTS
    for (name, _, made), damage in zip(faults, damages, strict=True):
        damage(results / name)
        remove(output_of(results / made))
    targets = sorted({str(output_of(studies.RESULTS / made)) for _, _, made in faults})
    out = studies.run(study, *targets)
    assert out.returncode != 0 and "Traceback" not in out.stdout, out.stdout
    for name, reader, _ in faults:
        said = [part.partition("====")[0] for part in out.stdout.split(f"error ({reader}")[1:]]
        output = output_of(results / name)
        aside = output.with_name(f"{output.name}.damaged")
        assert any(f"results/smoke/{name} is damaged: " in text for text in said), out.stdout
        assert any(f"now lies in {aside.name}; run the same command again" in text for text in said), out.stdout
        assert aside.exists() and not output.exists()


def survive(study, undamaged):
    """Run again, and compare with the undamaged study."""
    again = studies.run(study, *TABLES)
    assert again.returncode == 0, again.stdout
    for table in ("runs", "references", "portability"):
        pair = [studies.read_tables(folder, table)[0] for folder in (study, undamaged)]
        pd.testing.assert_frame_equal(*pair, check_exact=True)
    assert studies.planned(study, *TABLES) == {}


@pytest.mark.slow
def test_a_turned_bit_in_a_module(copy, finished):
    run_damaged(copy, [(f"{MODULE}/adapter_model.safetensors", "make_starts", f"{START}/card.json")], [flip])
    survive(copy, finished)


@pytest.mark.slow(seconds=120)
def test_every_kind_of_file(copy, finished):
    damages = itertools.cycle([flip, cut])
    for faults in RUNS:
        run_damaged(copy, list(faults.values()), list(itertools.islice(damages, len(faults))))
    survive(copy, finished)
    for faults in UPSTREAM:
        run_damaged(copy, list(faults.values()), list(itertools.islice(damages, len(faults))))
