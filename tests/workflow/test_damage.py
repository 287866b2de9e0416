"""A damaged file is found by its checksum before it is used, named and set aside; the next run ends as if undamaged."""

import itertools
import shutil

import pandas as pd
import pytest

from tests import studies

MODULE = studies.module_folder("lora", "raw", "film")
SOURCE = studies.source_folder("lora", "raw", "film")
START = studies.start_folder("lora", "raw--instruct", "film", "ported")
CELL = studies.cell_folder("lora", "raw--instruct", "film--film", "ported")
# what is damaged -> the file, and the job that reads it first
KINDS = {
    "weights of a module": (f"{MODULE}/adapter_model.safetensors", "make_starts"),
    "config of a module": (f"{MODULE}/adapter_config.json", "make_starts"),
    "card of a module": (f"{MODULE}/card.json", "make_starts"),
    "trained state": (f"{SOURCE}/state.safetensors", "extract_modules"),
    "start": (f"{START}/adapter_model.safetensors", "evaluate_cell"),
    "examples": ("datasets/film/train.parquet", "encode_dataset"),
    "prompts": ("hosts/raw/prompts/film/train.parquet", "train_source"),
    "scores": (f"{CELL}/scores.parquet", "gather_runs"),
    "predictions": (f"{CELL}/predictions.parquet", "gather_runs"),
    "card of a host": ("hosts/raw/host.json", "encode_labels"),
    "table of runs": ("tables/runs.parquet", "compute_statistics"),
}


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
    blocks = (folder for folder in path.parents if folder.name.startswith("seeds-"))
    return path if path.parent.name.startswith("seeds-") else next(blocks, path)


# of an output that is a folder Snakemake does not see that a file in it is newer, so its reader has to run again
MADE_FROM_FOLDERS = {"make_starts": f"{START}/card.json", "evaluate_cell": f"{CELL}/scores.parquet"}


TARGETS = [f"results/smoke/tables/{name}.parquet" for name in ("runs", "portability")]


def survive(study, undamaged, kind, damage):
    """Damage a file of a finished study; run; run again; compare."""
    name, reader = KINDS[kind]
    path = study / "results/smoke" / name
    damage(path)
    if output_of(path).is_dir():
        made = output_of(study / "results/smoke" / MADE_FROM_FOLDERS[reader])
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    out = studies.run(study, *TARGETS)
    assert out.returncode != 0, out.stdout
    said = [line for line in out.stdout.splitlines() if line.startswith("error (")]
    assert said and all(line.startswith(f"error ({reader}") or f"{path.name}" in line for line in said), out.stdout
    assert any(f"results/smoke/{name} is damaged: " in line for line in said), out.stdout
    output = output_of(path)
    aside = output.with_name(f"{output.name}.damaged")
    assert any(f"now lies in {aside.name}; run the same command again" in line for line in said), out.stdout
    assert "Traceback" not in out.stdout
    assert aside.exists() and not output.exists()
    again = studies.run(study, *TARGETS)
    assert again.returncode == 0, again.stdout
    for table in ("runs", "portability"):
        pair = [studies.read_tables(folder, table)[0] for folder in (study, undamaged)]
        pd.testing.assert_frame_equal(*pair, check_exact=True)
    assert studies.planned(study, *TARGETS) == {}


def test_a_turned_bit_in_a_module(copy, finished):
    survive(copy, finished, "weights of a module", flip)


@pytest.mark.slow  # a minute each
@pytest.mark.parametrize(("kind", "damage"), list(zip(KINDS, itertools.cycle([flip, cut]), strict=False)))
def test_every_kind_of_file(kind, damage, copy, finished):
    survive(copy, finished, kind, damage)
