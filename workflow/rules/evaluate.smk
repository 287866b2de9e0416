"""in: starts/, modules/, prompts, hosts | out: evaluations/.../seeds-{block}/: scores, predictions, loss curve"""


rule evaluate_cell:
    """Test zero-shot, train in the target host, test at every budget -> evaluations/.../scores.parquet"""
    input:
        unpack(STAGES.inputs("evaluate_cell")),
    output:
        **STAGES.outputs("evaluate_cell"),
    log:
        STAGES.log("evaluate_cell"),
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        **STAGES.params("evaluate_cell"),
    message:
        "{wildcards.technique}, {wildcards.initialisation}: evaluate in host {wildcards.target_host} "
        "on {wildcards.target_dataset}, seeds {wildcards.block} (from {wildcards.source_host}, {wildcards.source_dataset})"
    script:
        "../scripts/evaluate_cell.py"


rule evaluations:
    """Every cell of the study, and every reference"""
    input:
        STAGES.asked("evaluate_cell"),
    message:
        "Evaluations: every one is there"
