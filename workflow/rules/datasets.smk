"""in: config `datasets` (generated, local files or a hub) | out: datasets/{dataset}/{train,validation,test}.parquet"""


rule prepare_dataset:
    """Examples of one dataset, cleaned and split -> datasets/{dataset}/{train,validation,test}.parquet"""
    input:
        unpack(STAGES.inputs("prepare_dataset")),
    output:
        **STAGES.outputs("prepare_dataset"),
    log:
        STAGES.log("prepare_dataset"),
    wildcard_constraints:
        **STAGES.constraints("prepare_dataset"),
    priority: 10
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("prepare_dataset"),
    message:
        "Dataset {wildcards.dataset}: read, clean and split"
    script:
        "../scripts/prepare_dataset.py"


rule audit_overlap:
    """Texts that two datasets' splits share (leak audit) -> datasets/overlap.parquet"""
    input:
        unpack(STAGES.inputs("audit_overlap")),
    output:
        **STAGES.outputs("audit_overlap"),
    log:
        STAGES.log("audit_overlap"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("audit_overlap"),
    message:
        "All datasets: look for texts that two splits share"
    script:
        "../scripts/audit_overlap.py"


rule decontaminate_dataset:
    """Training data without the texts of another's test set -> datasets/{parent}@without-{other}/train.parquet"""
    input:
        unpack(STAGES.inputs("decontaminate_dataset")),
    output:
        **STAGES.outputs("decontaminate_dataset"),
    log:
        STAGES.log("decontaminate_dataset"),
    wildcard_constraints:
        **STAGES.constraints("decontaminate_dataset"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("decontaminate_dataset"),
    message:
        "Dataset {wildcards.parent}: take out the test texts of {wildcards.other}"
    script:
        "../scripts/decontaminate_dataset.py"


rule randomise_labels:
    """The same texts with their labels shuffled within each split -> datasets/{parent}@random/train.parquet"""
    input:
        unpack(STAGES.inputs("randomise_labels")),
    output:
        **STAGES.outputs("randomise_labels"),
    log:
        STAGES.log("randomise_labels"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("randomise_labels"),
    message:
        "Dataset {wildcards.parent}: shuffle the labels, for a control"
    script:
        "../scripts/randomise_labels.py"


rule datasets:
    """Every dataset of the study, and the leak audit"""
    input:
        STAGES.asked("prepare_dataset", "decontaminate_dataset", "randomise_labels", "audit_overlap"),
    message:
        "Datasets: every one is there"
