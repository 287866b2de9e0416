"""in: evaluations/ | out: tables/{runs,references,portability,contrasts,carried,advice,asymmetry}.parquet"""


rule gather_runs:
    """One row per run, and one per reference -> tables/{runs,references}.parquet"""
    input:
        unpack(STAGES.inputs("gather_runs")),
    output:
        **STAGES.outputs("gather_runs"),
    log:
        STAGES.log("gather_runs"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("gather_runs"),
    message:
        "All runs: gather their scores"
    script:
        "../scripts/gather_runs.py"


rule compute_statistics:
    """Portability, differences with intervals, what carried, advice, asymmetry, trends along dials -> tables/{table}.parquet"""
    input:
        unpack(STAGES.inputs("compute_statistics")),
    output:
        **STAGES.outputs("compute_statistics"),
    log:
        STAGES.log("compute_statistics"),
    wildcard_constraints:
        **STAGES.constraints("compute_statistics"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        **STAGES.params("compute_statistics"),
    message:
        "Table {wildcards.table}: compute"
    script:
        "../scripts/compute_statistics.py"


rule tables:
    """Every table of runs and of statistics"""
    input:
        STAGES.asked("gather_runs", "compute_statistics"),
    message:
        "Tables: every one is there"
