"""in: config `datasets` (generated, local files or a hub) | out: datasets/{dataset}/{train,validation,test}.parquet"""


rule prepare_dataset:
    """Examples of one dataset, cleaned and split -> datasets/{dataset}/{train,validation,test}.parquet"""
    input:
        files=dataset_sources,
    output:
        train=f"{RESULTS}/datasets/{{dataset}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{dataset}}/validation.parquet",
        test=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
    log:
        f"{LOGS}/prepare_dataset/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_dataset/{{dataset}}.tsv"
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.dataset(w.dataset),
        definition=lambda w: STUDY.config["datasets"][w.dataset],
    script:
        "../scripts/prepare_dataset.py"


rule audit_overlap:
    """Texts that two datasets' splits share (leak audit) -> datasets/overlap.parquet"""
    input:
        splits=split_files,
    output:
        table=f"{RESULTS}/datasets/overlap.parquet",
    log:
        f"{LOGS}/audit_overlap.log",
    benchmark:
        f"{BENCHMARKS}/audit_overlap.tsv"
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.overlap(),
        datasets=STUDY.datasets,
        expects=lambda w: {file: KEYS.dataset(name) for name in STUDY.datasets for file in dataset_files(name, *SPLITS)},
    script:
        "../scripts/audit_overlap.py"
