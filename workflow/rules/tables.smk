"""in: evaluations/ | out: tables/{runs,references,portability,contrasts,carried,advice,asymmetry,distances}.parquet"""


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


rule measure_distances:
    """How far two hosts are apart, and where modules touch that -> distances/{source_host}--{target_host}/"""
    input:
        unpack(STAGES.inputs("measure_distances")),
    output:
        **STAGES.outputs("measure_distances"),
    log:
        STAGES.log("measure_distances"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(6000),
        runtime=growing(60),
    params:
        **STAGES.params("measure_distances"),
    message:
        "Hosts {wildcards.source_host} and {wildcards.target_host}: measure how far they are apart"
    script:
        "../scripts/measure_distances.py"


rule gather_distances:
    """One row per transfer, measure and kind of site, and per module -> tables/distances.parquet"""
    input:
        unpack(STAGES.inputs("gather_distances")),
    output:
        **STAGES.outputs("gather_distances"),
    log:
        STAGES.log("gather_distances"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("gather_distances"),
    message:
        "All transfers: gather how far hosts are apart"
    script:
        "../scripts/gather_distances.py"


rule tables:
    """Every table of runs and of statistics"""
    input:
        STAGES.asked("gather_runs", "compute_statistics", "measure_distances", "gather_distances"),
    message:
        "Tables: every one is there"
