"""in: evaluations/ | out: tables/{runs,references,portability,contrasts,carried,advice,asymmetry}.parquet"""


rule gather_runs:
    """One row per run, and one per reference -> tables/{runs,references}.parquet"""
    input:
        scores=cell_files("scores"),
    output:
        runs=f"{RESULTS}/tables/runs.parquet",
        references=f"{RESULTS}/tables/references.parquet",
    log:
        f"{LOGS}/gather_runs.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.runs(),
        grid=STUDY.config["grid"],
        study=STUDY.name,
        expects=lambda w: {f"{RESULTS}/{cell.path}/scores.parquet": KEYS.evaluation(cell) for cell in STUDY.cells},
    message:
        "All runs: gather their scores"
    script:
        "../scripts/gather_runs.py"


rule compute_statistics:
    """Portability, differences with intervals, what carried, advice, asymmetry -> tables/{table}.parquet"""
    input:
        tables=statistics_tables,
        predictions=cell_files("predictions"),
    output:
        table=f"{RESULTS}/tables/{{table}}.parquet",
    log:
        f"{LOGS}/compute_statistics/{{table}}.log",
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        key=lambda w: KEYS.statistics(w.table),
        grid=STUDY.config["grid"],
        study=STUDY.name,
        settings=lambda w: settings_of(w.table, STUDY.config["statistics"]),
        expects=statistics_expects,
    message:
        "Table {wildcards.table}: compute"
    script:
        "../scripts/compute_statistics.py"
