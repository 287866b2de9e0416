"""What the rules read and expect: input functions and parameter functions, in the order of the stages."""


def dataset_sources(wildcards):
    """Local files of a dataset; their content is in the key, so a newer copy of the same content reruns nothing."""
    files = STUDY.config["datasets"][wildcards.dataset]["source"].get("files", [])
    return [ancient(file["path"]) for file in files]


def split_files(wildcards):
    """All splits of all datasets, for the leak audit."""
    return [file for name in STUDY.datasets for file in dataset_files(name, *SPLITS)]


def decontamination_expects(wildcards):
    """Keys of a dataset that is decontaminated, and of the one whose test set it must not hold."""
    files = dataset_files(wildcards.parent, "train", "validation")
    test = {file: KEYS.dataset(wildcards.other) for file in dataset_files(wildcards.other, "test")}
    return dict.fromkeys(files, KEYS.dataset(wildcards.parent)) | test


def randomisation_expects(wildcards):
    """Keys of a dataset whose labels are shuffled."""
    return dict.fromkeys(dataset_files(wildcards.parent, "train", "validation"), KEYS.dataset(wildcards.parent))


def base_files(wildcards):
    """The host that this one is trained further from, if any."""
    base = STUDY.config["hosts"][wildcards.host]["build"].get("base")
    return [] if base is None else [host_file(base), *built_files(base)]


def base_key(wildcards):
    """The key of that host's card."""
    base = STUDY.config["hosts"][wildcards.host]["build"].get("base")
    return {} if base is None else {host_file(base): KEYS.host(base)}


def card_inputs(wildcards):
    """The model files, for a host that the study builds."""
    return built_files(wildcards.host)


def built_curve(wildcards):
    """Its table of the build, which has the checksums of those files."""
    built = "build" in STUDY.config["hosts"][wildcards.host]
    return [f"{RESULTS}/hosts/{wildcards.host}/training.parquet"] if built else []


def card_expects(wildcards):
    """Keys of what a host's card is put together from."""
    files = {label_file(wildcards.host, name): KEYS.labels(wildcards.host, name) for name in STUDY.datasets}
    return files | {host_file(wildcards.host): KEYS.host(wildcards.host)}


def prompts_expects(wildcards):
    """Keys of what a dataset's prompts are made from."""
    files = dataset_files(wildcards.dataset, *splits_of(wildcards.dataset))
    return dict.fromkeys(files, KEYS.dataset(wildcards.dataset)) | {
        host_file(wildcards.host): KEYS.host(wildcards.host),
        label_file(wildcards.host, wildcards.dataset): KEYS.labels(wildcards.host, wildcards.dataset),
    }


def prompts_read(host, dataset, *splits):
    """Key of the prompts of these splits."""
    return dict.fromkeys(prompt_files(host, dataset, *splits), KEYS.prompts(host, dataset))


def source_of(wildcards):
    """The source that a path names."""
    return Source(wildcards.technique, wildcards.host, wildcards.dataset, wildcards.block)


def source_expects(wildcards):
    """Keys of what a source training reads."""
    data = prompts_read(wildcards.host, wildcards.dataset, "train", "validation")
    return data | {host_file(wildcards.host): KEYS.host(wildcards.host)}


def module_key(block):
    """Key of the modules of a block, and of the source they come from."""
    return lambda w: KEYS.module(Source(w.technique, w.host, w.dataset, block))


def module_expects(block):
    """Key of the source that the modules come from."""
    return lambda w: {
        f"{RESULTS}/{source.path}/card.json": KEYS.source(source)
        for source in [Source(w.technique, w.host, w.dataset, block)]
    }


def start_inputs(block):
    """Source modules of a block, and sibling modules in the target host where the initialisation needs them."""

    def files(wildcards):
        start = Start(**wildcards, block=block)
        return [
            file
            for one in (STUDY.source_of(start), *STUDY.siblings_of(start))
            for seed in STUDY.blocks[block]
            for file in module_files(module_folder(one.technique, one.host, one.dataset, seed))
        ]

    return files


def start_expects(block):
    """Keys of what a start is made from."""

    def expected(wildcards):
        start = Start(**wildcards, block=block)
        hosts = (start.source_host, start.target_host)
        read = {host_file(host): KEYS.host(host) for host in hosts}
        if start.initialisation in FITTED:
            read |= prompts_read(start.target_host, start.target_dataset, "train")
        return read | {
            f"{RESULTS}/{module_folder(one.technique, one.host, one.dataset, seed)}/card.json": KEYS.module(one)
            for one in (STUDY.source_of(start), *STUDY.siblings_of(start))
            for seed in STUDY.blocks[block]
        }

    return expected


def start_sources(block):
    """Folders of the source modules, per seed."""

    def folders(wildcards):
        one = STUDY.source_of(Start(**wildcards, block=block))
        named = {seed: module_folder(one.technique, one.host, one.dataset, seed) for seed in STUDY.blocks[block]}
        return {str(seed): f"{RESULTS}/{folder}" for seed, folder in named.items()}

    return folders


def start_siblings(block):
    """Folders of the sibling modules, per seed."""

    def folders(wildcards):
        start = Start(**wildcards, block=block)
        return {str(s): [f"{RESULTS}/{one}" for one in STUDY.sibling_folders(start, s)] for s in STUDY.blocks[block]}

    return folders


def start_key(block):
    """Key of the starts of a block; where a path names no source, of fresh ones."""
    fresh = dict.fromkeys(("source_host", "source_dataset", "target_dataset"), ANY) | {"initialisation": "scratch"}
    return lambda w: KEYS.start(Start(**fresh | dict(w), block=block))


def first_cell(wildcards):
    """The first of the cells that a job evaluates; the others differ from it in their initialisation alone."""
    return STUDY.cells_of(wildcards)[0]


def cell_starts(wildcards):
    """The module directories that the cells of a job start from."""
    folders = [folder for cell in STUDY.cells_of(wildcards) for folder in start_folders(cell).values()]
    return [f"{folder}/{file}" for folder in folders if folder for file in MODULE_FILES]


def start_key_of(cell):
    """Key of what a cell's modules start from; nothing for the bare host."""
    if cell.initialisation == "native":
        return KEYS.module(Source(cell.technique, cell.target_host, cell.target_dataset, cell.block))
    return "" if cell.is_reference else KEYS.start(STUDY.start_of(cell))


def cell_expects(wildcards):
    """Keys of what an evaluation reads."""
    cells = STUDY.cells_of(wildcards)
    host, dataset = cells[0].target_host, cells[0].target_dataset
    cards = {
        f"{folder}/card.json": start_key_of(cell) for cell in cells for folder in start_folders(cell).values() if folder
    }
    return prompts_read(host, dataset, *SPLITS) | {host_file(host): KEYS.host(host)} | cards


def cell_training(wildcards):
    """What of the training section a cell depends on; a reference is not trained."""
    return KEYS.lm_type() if first_cell(wildcards).is_reference else KEYS.training()


def cell_files(name):
    """One file of every cell of the study."""
    return [f"{RESULTS}/{cell.path}/{name}.parquet" for cell in STUDY.cells]


def statistics_tables(wildcards):
    """The tables that a table of statistics is computed from, beside the predictions."""
    return table_files(name for name in STATISTICS[wildcards.table] if name != "predictions")


def statistics_expects(wildcards):
    """Their keys."""
    names = [name for name in STATISTICS[wildcards.table] if name != "predictions"]
    return {f"{RESULTS}/tables/{name}.parquet": KEYS.table(name) for name in names}


def cost_expects(wildcards):
    """Keys of what costs are measured on."""
    data = prompts_read(wildcards.host, STUDY.costed, "train")
    return data | {host_file(wildcards.host): KEYS.host(wildcards.host)}


def fresh_curves(wildcards):
    """Loss curves of trainings from a fresh start in target hosts."""
    return [f"{RESULTS}/{one.path}/training.parquet" for one in STUDY.fresh]


def description_expects(wildcards):
    """Keys of what the table of techniques is made from."""
    tables = {f"{RESULTS}/tables/{name}.parquet": KEYS.table(name) for name in ("runs", "portability")}
    costs = {f"{RESULTS}/costs/{host}/costs.parquet": KEYS.costs(host) for host in STUDY.targets}
    made = ((one, KEYS.source if isinstance(one, Source) else KEYS.evaluation) for one in STUDY.fresh)
    return tables | costs | {f"{RESULTS}/{one.path}/training.parquet": key(one) for one, key in made}
