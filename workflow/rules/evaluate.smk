"""in: starts/, prompts, host cards | out: evaluations/.../seeds-{block}/: scores, predictions, loss curve"""


rule evaluate_cell:
    """Test zero-shot, train in the target host, test at every budget -> evaluations/.../scores.parquet"""
    input:
        card=lambda w: host_file(w.target_host),
        model=lambda w: built_files(w.target_host),
        train=f"{RESULTS}/hosts/{{target_host}}/prompts/{{target_dataset}}/train.parquet",
        validation=f"{RESULTS}/hosts/{{target_host}}/prompts/{{target_dataset}}/validation.parquet",
        test=f"{RESULTS}/hosts/{{target_host}}/prompts/{{target_dataset}}/test.parquet",
        starts=cell_starts,
    output:
        scores=f"{RESULTS}/evaluations/{CELL}/scores.parquet",
        predictions=f"{RESULTS}/evaluations/{CELL}/predictions.parquet",
        curve=f"{RESULTS}/evaluations/{CELL}/training.parquet",
    log:
        f"{LOGS}/evaluate_cell/{CELL}.log",
    conda:
        "../../envs/peftport.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        key=lambda w: KEYS.evaluation(first_cell(w)),
        starts=lambda w: start_folders(first_cell(w)),
        budgets=lambda w: KEYS.budgets(first_cell(w)),
        technique=lambda w: {} if first_cell(w).is_reference else KEYS.technique(w.technique),
        training=cell_training,
        evaluation=STUDY.config["evaluation"],
        task=lambda w: task(w.target_dataset),
        expects=cell_expects,
    message:
        "{wildcards.technique}, {wildcards.initialisation}: evaluate in host {wildcards.target_host} "
        "on {wildcards.target_dataset}, seeds {wildcards.block} (from {wildcards.source_host}, {wildcards.source_dataset})"
    script:
        "../scripts/evaluate_cell.py"
