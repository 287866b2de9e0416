"""in: hosts, prompts, training curves, tables/ | out: costs/{host}/costs.parquet, tables/techniques.parquet: the only times"""


rule measure_costs:
    """What every technique adds to a target host and takes there: size, time, memory -> costs/{host}/costs.parquet"""
    input:
        unpack(STAGES.inputs("measure_costs")),
    output:
        **STAGES.outputs("measure_costs"),
    log:
        STAGES.log("measure_costs"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        **STAGES.params("measure_costs"),
    message:
        "Host {wildcards.host}: measure what each technique takes in time and memory"
    script:
        "../scripts/measure_costs.py"


rule describe_techniques:
    """Typology, costs, portability, stability and convergence of every technique -> tables/techniques.parquet"""
    input:
        unpack(STAGES.inputs("describe_techniques")),
    output:
        **STAGES.outputs("describe_techniques"),
    log:
        STAGES.log("describe_techniques"),
    localrule: True
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        **STAGES.params("describe_techniques"),
    message:
        "All techniques: join structure, costs and portability"
    script:
        "../scripts/describe_techniques.py"


rule costs:
    """What techniques cost, and the table of techniques"""
    input:
        STAGES.asked("measure_costs", "describe_techniques"),
    message:
        "Costs: every one is there"
