"""in: hosts, prompts, training curves, tables/ | out: costs/{host}/costs.parquet, tables/techniques.parquet: the only times"""


rule measure_costs:
    """What every technique adds to a target host and takes there: size, time, memory -> costs/{host}/costs.parquet"""
    input:
        card=lambda w: host_file(w.host),
        model=lambda w: built_files(w.host),
        train=lambda w: prompt_files(w.host, STUDY.costed, "train"),
    output:
        table=f"{RESULTS}/costs/{{host}}/costs.parquet",
    log:
        f"{LOGS}/measure_costs/{{host}}.log",
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        key=lambda w: KEYS.costs(w.host),
        techniques={name: KEYS.form(name) for name in STUDY.config["grid"]["techniques"]},
        training=KEYS.training(),
        task=task(STUDY.costed),
        settings=STUDY.config["costs"],
        expects=cost_expects,
    message:
        "Host {wildcards.host}: measure what each technique takes in time and memory"
    script:
        "../scripts/measure_costs.py"


rule describe_techniques:
    """Typology, costs, portability, stability and convergence of every technique -> tables/techniques.parquet"""
    input:
        costs=cost_files(),
        runs=f"{RESULTS}/tables/runs.parquet",
        portability=f"{RESULTS}/tables/portability.parquet",
        curves=fresh_curves,
    output:
        table=f"{RESULTS}/tables/techniques.parquet",
    log:
        f"{LOGS}/describe_techniques.log",
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        key=lambda w: KEYS.described(),
        methods={name: described_as(STUDY.config["techniques"][name]) for name in STUDY.config["grid"]["techniques"]},
        grid=STUDY.config["grid"],
        study=STUDY.name,
        expects=description_expects,
    message:
        "All techniques: join structure, costs and portability"
    script:
        "../scripts/describe_techniques.py"
