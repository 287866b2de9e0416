"""in: starts/, datasets, host cards | out: evaluations/.../seeds-{block}/: scores, predictions, loss curve"""


def cell_starts(wildcards):
    """The module directories that a cell starts from."""
    folders = start_folders(Cell(**wildcards)).values()
    return [f"{folder}/{file}" for folder in folders if folder for file in MODULE_FILES]


def cell_expects(wildcards):
    """Keys of what an evaluation reads."""
    cell = Cell(**wildcards)
    data = {file: KEYS.dataset(cell.target_dataset) for file in dataset_files(cell.target_dataset, "train", "test")}
    cards = [f"{folder}/card.json" for folder in start_folders(cell).values() if folder]
    if cell.initialisation == "native":
        made = KEYS.module(Source(cell.technique, cell.target_host, cell.target_dataset, cell.block))
    else:
        made = KEYS.start(STUDY.start_of(cell)) if cards else ""
    return data | {host_card(cell.target_host): KEYS.host(cell.target_host)} | dict.fromkeys(cards, made)


rule evaluate_cell:
    """Test zero-shot, train in the target host, test at every budget -> evaluations/.../scores.parquet"""
    input:
        card=lambda w: ancient(host_card(w.target_host)),
        model=lambda w: built_files(w.target_host),
        train=f"{RESULTS}/datasets/{{target_dataset}}/train.parquet",
        test=f"{RESULTS}/datasets/{{target_dataset}}/test.parquet",
        starts=cell_starts,
    output:
        scores=f"{RESULTS}/evaluations/{CELL}/scores.parquet",
        predictions=f"{RESULTS}/evaluations/{CELL}/predictions.parquet",
        curve=f"{RESULTS}/evaluations/{CELL}/training.parquet",
    log:
        f"{LOGS}/evaluate_cell/{CELL}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_cell/{CELL}.tsv"
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        key=lambda w: KEYS.evaluation(Cell(**w)),
        starts=lambda w: start_folders(Cell(**w)),
        budgets=lambda w: [0] if Cell(**w).is_reference else STUDY.budgets,
        technique=lambda w: STUDY.config["techniques"].get(w.technique),
        sections={name: STUDY.config[name] for name in ("training", "evaluation")},
        task=lambda w: task(w.target_dataset),
        expects=cell_expects,
    script:
        "../scripts/evaluate_cell.py"
