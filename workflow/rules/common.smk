"""What every stage shares: the checked config, the keys, the names in paths, and which files a cell needs."""

import os
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from peftport.study.config import ConfigError, check_config
from peftport.planning.console import closing, set_terminal
from peftport.study.derived_datasets import parent, randomised, root, without
from peftport.figures.table import FIGURES
from peftport.planning.keys import Keys
from peftport.planning.seed_blocks import arranged
from peftport.statistics.table import STATISTICS, settings_of
from peftport.study.grid import ANY, FITTED, Source, Start, Study, module_folder
from peftport.study.training_steps import build_steps
from peftport.techniques.table import described_as

BEGAN = time.monotonic()
if workflow.is_main_process:
    set_terminal(logger)

try:
    STUDY = Study(arranged(check_config(config), Path.cwd()))
    KEYS = Keys(STUDY)
except (ConfigError, FileNotFoundError) as error:
    raise WorkflowError(str(error)) from None

if library.is_dir():  # the scripts' processes run a checkout's own library as well
    os.environ.update(PYTHONPATH=str(library))
# Where the jobs of this run find its warm process. A job on a cluster's node is a run of its own, and has none.
os.environ.update(PEFTPORT_RUN=str(os.getpid()) if workflow.is_main_process else "")

RESULTS = f"results/{STUDY.name}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
SPLITS = ["train", "validation", "test"]
MODEL_FILES = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
MODULE_FILES = ["adapter_config.json", "adapter_model.safetensors", "card.json"]
SOURCE = "{technique}/{host}/{dataset}"
TRANSFER = "{technique}/{source_host}--{target_host}"
START = f"{TRANSFER}/{{source_dataset}}--{{target_dataset}}/{{initialisation}}"
CELL = f"{START}/seeds-{{block}}"


wildcard_constraints:
    technique=r"[^/]+?",
    host=r"[^/]+?",
    source_host=r"[^/]+?",
    target_host=r"[^/]+?",
    dataset=r"[^/]+?",
    source_dataset=r"[^/]+?",
    parent=r"[^/]+?",
    other=r"[^/@]+?",
    target_dataset=r"[^/]+?",
    initialisation=r"[a-z_]+",
    block=r"[0-9.-]+",
    table="|".join(STATISTICS),
    figure="|".join(FIGURES),


def cell_path(initialisation):
    """The path of a cell of this initialisation; its other wildcards stay."""
    return CELL.replace("{initialisation}", initialisation)


def count(seeds):
    """How many modules these seeds are, in words."""
    return "1 module" if len(seeds) == 1 else f"{len(seeds)} modules"


def growing(amount):
    """A resource that grows with every attempt of a job: the amount, twice the amount, ..."""
    return lambda wildcards, attempt: amount * attempt


def dataset_files(name, *splits):
    """The named splits of a dataset."""
    return [f"{RESULTS}/datasets/{name}/{split}.parquet" for split in splits]


def host_file(name):
    """What a host is; stages that use the host read it. Nothing about the study's label words stands in it."""
    return f"{RESULTS}/hosts/{name}/host.json"


def host_card(name):
    """A host's card: what it is, and the tokens of the study's label words."""
    return f"{RESULTS}/hosts/{name}/card.json"


def label_file(name, dataset):
    """The tokens of a dataset's label words in a host. Its prompts wait for the check of them."""
    return f"{RESULTS}/hosts/{name}/labels/{root(dataset)}.json"


def splits_of(dataset):
    """The splits that a dataset has; a derived one is not tested on."""
    return SPLITS if parent(dataset) is None else SPLITS[:2]


def prompt_files(host, dataset, *splits):
    """The prompts of the named splits of a dataset, as a host reads them."""
    return [f"{RESULTS}/hosts/{host}/prompts/{dataset}/{split}.parquet" for split in splits]


def transfer_file(source, target):
    """What the check of a transfer found. Starts read it so that they wait for it."""
    return f"{RESULTS}/hosts/transfers/{source}--{target}.json"


def built_files(name):
    """The files of a host that the study builds; none for other hosts."""
    folder = f"{RESULTS}/hosts/{name}/model"
    return [f"{folder}/{file}" for file in MODEL_FILES] if "build" in STUDY.config["hosts"][name] else []


def task(dataset):
    """How a dataset is put to a host: its prompt template and its label words."""
    definition = STUDY.config["datasets"][root(dataset)]
    return {"template": definition["template"], "words": sorted(set(definition["labels"].values()))}


def module_files(folder):
    """The files of one module directory."""
    return [f"{RESULTS}/{folder}/{file}" for file in MODULE_FILES]


def start_folders(cell):
    """Seed to the folder that a cell's module starts from; none for the bare host."""
    seeds = STUDY.blocks[cell.block]
    if cell.initialisation == "bare":
        return {seeds[0]: None}
    if cell.initialisation == "native":
        return {
            s: f"{RESULTS}/{module_folder(cell.technique, cell.target_host, cell.target_dataset, s)}" for s in seeds
        }
    return {seed: f"{RESULTS}/{STUDY.start_of(cell).folder(seed)}" for seed in seeds}


def table_files(names):
    """Paths of tables."""
    return [f"{RESULTS}/tables/{name}.parquet" for name in names]


def cost_files():
    """What techniques cost, one file per target host."""
    return [f"{RESULTS}/costs/{host}/costs.parquet" for host in STUDY.targets]


def everything():
    """Every file of the study. All stages are asked for, not only the last, so that none can be left behind stale."""
    cells, tables = STUDY.cells, ["runs", "references", *STATISTICS, "techniques"]
    folders = [f"{RESULTS}/{source.path}" for source in STUDY.sources]
    modules = [
        module_folder(source.technique, source.host, source.dataset, seed)
        for source in STUDY.sources
        for seed in STUDY.blocks[source.block]
    ]
    starts = [start.folder(seed) for start in STUDY.starts for seed in STUDY.blocks[start.block]]
    return [
        *(file for name in (*STUDY.datasets, *STUDY.derived) for file in dataset_files(name, *splits_of(name))),
        f"{RESULTS}/datasets/overlap.parquet",
        *(transfer_file(one["source"], one["target"]) for one in STUDY.copied_transfers),
        *(label_file(host, dataset) for host in STUDY.hosts for dataset in STUDY.datasets),
        *(file for host, name in STUDY.encoded for file in prompt_files(host, name, *splits_of(name))),
        *(file for name in STUDY.hosts for file in (host_file(name), host_card(name), *built_files(name))),
        *(f"{folder}/{file}" for folder in folders for file in ("training.parquet", "state.safetensors", "card.json")),
        *(file for folder in modules for file in (*module_files(folder), f"{RESULTS}/{folder}/tensors.parquet")),
        *(file for folder in starts for file in module_files(folder)),
        *(f"{RESULTS}/{cell.path}/{name}.parquet" for cell in cells for name in ("scores", "predictions", "training")),
        *cost_files(),
        *(f"{RESULTS}/tables/{table}.parquet" for table in tables),
        *(f"{RESULTS}/figures/{figure}.svg" for figure in FIGURES),
        f"{RESULTS}/report.html",
        f"{RESULTS}/verdict.txt",
    ]


onstart:
    # Where jobs have a largest rate, Snakemake looks at all ready jobs once a second for each job that has ended so far:
    # 5,095 times in a study of 96 jobs. Its own rate limits nothing here; one that a user sets stays.
    rate = workflow.scheduling_settings.max_jobs_per_timespan
    if rate is not None and (rate.max_jobs, rate.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
