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
    wildcard_constraints:
        dataset=r"[^/@]+?",
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.dataset(w.dataset),
        definition=lambda w: KEYS.definition(w.dataset),
    message:
        "Dataset {wildcards.dataset}: read, clean and split"
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
    localrule: True
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
    message:
        "All datasets: look for texts that two splits share"
    script:
        "../scripts/audit_overlap.py"


rule decontaminate_dataset:
    """Training data without the texts of another's test set -> datasets/{parent}@without-{other}/train.parquet"""
    input:
        train=f"{RESULTS}/datasets/{{parent}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{parent}}/validation.parquet",
        test=f"{RESULTS}/datasets/{{other}}/test.parquet",
    output:
        train=f"{RESULTS}/datasets/{{parent}}@without-{{other}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{parent}}@without-{{other}}/validation.parquet",
    log:
        f"{LOGS}/decontaminate_dataset/{{parent}}@without-{{other}}.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.dataset(without(w.parent, w.other)),
        expects=decontamination_expects,
    message:
        "Dataset {wildcards.parent}: take out the test texts of {wildcards.other}"
    script:
        "../scripts/decontaminate_dataset.py"


rule randomise_labels:
    """The same texts with their labels shuffled within each split -> datasets/{parent}@random/train.parquet"""
    input:
        train=f"{RESULTS}/datasets/{{parent}}/train.parquet",
        validation=f"{RESULTS}/datasets/{{parent}}/validation.parquet",
    output:
        train=f"{RESULTS}/datasets/{{parent}}@random/train.parquet",
        validation=f"{RESULTS}/datasets/{{parent}}@random/validation.parquet",
    log:
        f"{LOGS}/randomise_labels/{{parent}}.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.dataset(randomised(w.parent)),
        seed=lambda w: KEYS.label_seed(w.parent),
        expects=randomisation_expects,
    message:
        "Dataset {wildcards.parent}: shuffle the labels, for a control"
    script:
        "../scripts/randomise_labels.py"
